using EnclaveTesting.Engine.Devices.Vsock;

namespace EnclaveTesting;

/// <summary>
/// What the fixtures of all test frameworks have in common: one enclave, said in <see cref="Configure"/>, booted and stopped by the framework.
/// Derive from the <c>EnclaveFixture</c> of your framework's package.
/// </summary>
public abstract class EnclaveFixtureBase
{
    // Follows a test wherever its code goes; tests side by side see each their own.
    private readonly AsyncLocal<Enclave?> _clone = new();
    private readonly SemaphoreSlim _saving = new(1, 1);
    private Enclave? _enclave;
    private EnclaveSnapshot? _saved;

    internal EnclaveFixtureBase()
    {
    }

    /// <summary>The enclave; in a test that runs with <see cref="Isolation.PerTest"/> its clone.</summary>
    /// <exception cref="InvalidOperationException">The test framework has not started the fixture yet.</exception>
    public Enclave Enclave => EnclaveOrNull ?? throw new InvalidOperationException($"{GetType().Name} has not been started: is it the class's fixture?");

    /// <summary>The enclave's console.</summary>
    public EnclaveConsole Console => Enclave.Console;

    /// <summary>The enclave's parent.</summary>
    public ParentInstance Parent => Enclave.Parent;

    internal Enclave? EnclaveOrNull => _clone.Value ?? _enclave;

    /// <inheritdoc cref="Enclave.ConnectAsync"/>
    public Task<EnclaveConnection> ConnectAsync(uint port, CancellationToken cancellationToken = default) => Enclave.ConnectAsync(port, cancellationToken);

    /// <inheritdoc cref="Enclave.ConnectStreamAsync"/>
    public Task<VsockStream> ConnectStreamAsync(uint port, CancellationToken cancellationToken = default) => Enclave.ConnectStreamAsync(port, cancellationToken);

    /// <inheritdoc cref="Enclave.Client{TRequest, TReply}(uint, Codec)"/>
    public EnclaveClient<TRequest, TReply> Client<TRequest, TReply>(uint port, Codec codec) => Enclave.Client<TRequest, TReply>(port, codec);

    /// <inheritdoc cref="Enclave.CreateHttpClient"/>
    public HttpClient CreateHttpClient(uint port) => Enclave.CreateHttpClient(port);

    /// <summary>Says what to run.</summary>
    /// <param name="enclave">A builder with the defaults and the fixture's name.</param>
    protected abstract EnclaveBuilder Configure(EnclaveBuilder enclave);

    /// <summary>Builds the enclave and boots it. When it does not become ready, the artefacts are written and named in the message.</summary>
    internal async Task StartEnclaveAsync()
    {
        _enclave = Configure(new EnclaveBuilder().WithName(GetType().Name)).Build();
        try
        {
            await _enclave.StartAsync().ConfigureAwait(false);
        }
        catch (EnclaveBootException exception) when (exception.Phase != BootPhase.NotStarted)
        {
            string files = FailureArtifacts.Describe(FailureArtifacts.Write([_enclave], new TestName(GetType().Name, "boot")));
            throw new EnclaveBootException(
                $"{exception.Message}\n{files}", exception.Phase, exception.IsTimeout, exception.Exit, exception.ConsoleTail, exception.InnerException);
        }
    }

    /// <summary>A running enclave for one test, the caller's to dispose.</summary>
    internal async Task<Enclave> CloneForTestAsync()
    {
        Enclave original = _enclave ?? throw new InvalidOperationException($"{GetType().Name} has not been started: is it the class's fixture?");
        await _saving.WaitAsync().ConfigureAwait(false);
        try
        {
            _saved ??= await original.CaptureAsync(new VsockJournal(), original.OperationTimeout, CancellationToken.None).ConfigureAwait(false);
            return await original.StartCloneAsync(_saved, CancellationToken.None).ConfigureAwait(false);
        }
        finally
        {
            _saving.Release();
        }
    }

    /// <summary>What <see cref="Enclave"/> is from here on in this execution context; null for the fixture's own.</summary>
    internal void Show(Enclave? clone) => _clone.Value = clone;

    /// <summary>Stops the enclave.</summary>
    internal async ValueTask StopEnclaveAsync()
    {
        _saved?.Dispose();
        _saved = null;
        if (_enclave is { } enclave)
            await enclave.DisposeAsync().ConfigureAwait(false);
    }
}
