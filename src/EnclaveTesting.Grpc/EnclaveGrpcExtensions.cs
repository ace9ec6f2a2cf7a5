using Grpc.Net.Client;

namespace EnclaveTesting.Grpc;

/// <summary>gRPC over vsock.</summary>
public static class EnclaveGrpcExtensions
{
    /// <summary>Makes a channel to a gRPC server in the enclave; the caller disposes it.</summary>
    /// <param name="enclave">The enclave.</param>
    /// <param name="port">The server's vsock port.</param>
    /// <param name="configure">Changes the channel's options; its HTTP handler is the enclave's.</param>
    public static GrpcChannel CreateGrpcChannel(this Enclave enclave, uint port, Action<GrpcChannelOptions>? configure = null)
    {
        ArgumentNullException.ThrowIfNull(enclave);
        var options = new GrpcChannelOptions();
        configure?.Invoke(options);
        options.HttpHandler = EnclaveHttp.CreateHandler(enclave, port);
        options.DisposeHttpClient = true;
        return GrpcChannel.ForAddress($"http://enclave:{port}", options);
    }
}
