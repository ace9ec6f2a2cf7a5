using EnclaveTesting.Engine.Devices.Vsock;

namespace EnclaveTesting;

/// <summary>HTTP over vsock.</summary>
internal static class EnclaveHttp
{
    /// <summary>A client whose connections go to a port of the enclave.</summary>
    /// <param name="enclave">The enclave.</param>
    /// <param name="port">The port.</param>
    /// <param name="isAwaited">Whether somebody waits for the enclave while the client has a connection.</param>
    public static HttpClient CreateClient(Enclave enclave, uint port, bool isAwaited = false) => new(CreateHandler(enclave, port, isAwaited))
    {
        BaseAddress = new Uri($"http://enclave:{port}/"),
        Timeout = enclave.OperationTimeout,
    };

    /// <summary>Connects to the enclave whatever host an address names.</summary>
    /// <param name="enclave">The enclave.</param>
    /// <param name="port">The port.</param>
    /// <param name="isAwaited">Whether somebody waits for the enclave while the client has a connection.</param>
    public static SocketsHttpHandler CreateHandler(Enclave enclave, uint port, bool isAwaited = false) => new()
    {
        ConnectCallback = async (_, token) =>
        {
            VsockStream stream = await enclave.ConnectStreamAsync(port, token).ConfigureAwait(false);
            stream.ReadsAreAwaited = isAwaited;
            return stream;
        },
        UseProxy = false,
        UseCookies = false,
        EnableMultipleHttp2Connections = true,
    };
}
