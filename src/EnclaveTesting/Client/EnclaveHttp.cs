namespace EnclaveTesting;

/// <summary>HTTP over vsock.</summary>
internal static class EnclaveHttp
{
    public static HttpClient CreateClient(Enclave enclave, uint port) => new(CreateHandler(enclave, port))
    {
        BaseAddress = new Uri($"http://enclave:{port}/"),
        Timeout = enclave.OperationTimeout,
    };

    /// <summary>Connects to the enclave whatever host an address names.</summary>
    public static SocketsHttpHandler CreateHandler(Enclave enclave, uint port) => new()
    {
        ConnectCallback = async (_, token) => await enclave.ConnectStreamAsync(port, token).ConfigureAwait(false),
        UseProxy = false,
        UseCookies = false,
        EnableMultipleHttp2Connections = true,
    };
}
