using EnclaveTesting.Engine.Devices.Vsock;

namespace EnclaveTesting;

/// <summary>
/// What the fixtures of all test frameworks have in common: one enclave, said in <see cref="Configure"/>, booted and stopped by the framework.
/// Derive from the <c>EnclaveFixture</c> of your framework's package.
/// </summary>
public abstract class EnclaveFixtureBase
{
    private Enclave? _enclave;

    internal EnclaveFixtureBase()
    {
    }

    /// <summary>The enclave.</summary>
    /// <exception cref="InvalidOperationException">The test framework has not started the fixture yet.</exception>
    public Enclave Enclave => _enclave ?? throw new InvalidOperationException($"{GetType().Name} has not been started: is it the class's fixture?");

    /// <summary>The enclave's console.</summary>
    public EnclaveConsole Console => Enclave.Console;

    /// <summary>The enclave's parent.</summary>
    public ParentInstance Parent => Enclave.Parent;

    internal Enclave? EnclaveOrNull => _enclave;

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

    /// <summary>Stops the enclave.</summary>
    internal async ValueTask StopEnclaveAsync()
    {
        if (_enclave is { } enclave)
            await enclave.DisposeAsync().ConfigureAwait(false);
    }
}
