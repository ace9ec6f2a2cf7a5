using EnclaveTesting.Engine.Machine;

namespace EnclaveTesting;

/// <summary>HTTP over vsock.</summary>
internal static class EnclaveHttp
{
    /// <summary>A client whose connections go to a port of the enclave.</summary>
    public static HttpClient CreateClient(Enclave enclave, uint port) =>
        CreateClient(new Uri($"http://enclave:{port}/"), enclave.OperationTimeout, () => enclave.Machine.Host, async token => await enclave.ConnectStreamAsync(port, token).ConfigureAwait(false));

    /// <summary>A client whose connections come from a function.</summary>
    /// <param name="address">What addresses are relative to.</param>
    /// <param name="timeout">How long a request may take.</param>
    /// <param name="activity">What is told of the waits; asked with each request.</param>
    /// <param name="connect">Makes a connection.</param>
    public static HttpClient CreateClient(Uri address, TimeSpan timeout, Func<HostActivity> activity, Func<CancellationToken, ValueTask<Stream>> connect) =>
        new(new HttpWaitHandler(CreateHandler(async token => new HttpWaitStream(await connect(token).ConfigureAwait(false), activity: null)), activity))
        {
            BaseAddress = address,
            Timeout = timeout,
        };

    /// <summary>Connects to the enclave whatever host an address names. Its requests are no waits for the enclave.</summary>
    public static SocketsHttpHandler CreateHandler(Enclave enclave, uint port) =>
        CreateHandler(async token => await enclave.ConnectStreamAsync(port, token).ConfigureAwait(false));

    private static SocketsHttpHandler CreateHandler(Func<CancellationToken, ValueTask<Stream>> connect) => new()
    {
        ConnectCallback = (_, token) => connect(token),
        UseProxy = false,
        UseCookies = false,
        EnableMultipleHttp2Connections = true,
    };
}
