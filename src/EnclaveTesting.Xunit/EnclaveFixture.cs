using EnclaveTesting.Engine.Devices.Vsock;
using Xunit;

namespace EnclaveTesting.Xunit;

/// <summary>
/// Boots one enclave for a test class (<see cref="IClassFixture{TFixture}"/>), a collection or an assembly, and stops it after the last test.
/// Derive from it, say in <see cref="Configure"/> what to run, and take it as a constructor parameter.
/// </summary>
public abstract class EnclaveFixture : IAsyncLifetime
{
    private Enclave? _enclave;

    /// <summary>The enclave.</summary>
    /// <exception cref="InvalidOperationException">xUnit has not started the fixture yet.</exception>
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

    /// <summary>Builds the enclave and boots it. Override to do something before or after.</summary>
    public virtual async Task InitializeAsync()
    {
        _enclave = Configure(new EnclaveBuilder().WithName(GetType().Name)).Build();
        await _enclave.StartAsync().ConfigureAwait(false);
    }

    /// <summary>Stops the enclave.</summary>
    public virtual async Task DisposeAsync()
    {
        if (_enclave is { } enclave)
            await enclave.DisposeAsync().ConfigureAwait(false);
        GC.SuppressFinalize(this);
    }

    /// <summary>Says what to run.</summary>
    /// <param name="enclave">A builder with the defaults and the fixture's name.</param>
    protected abstract EnclaveBuilder Configure(EnclaveBuilder enclave);
}
