namespace EnclaveTesting;

/// <summary>Answers the HTTP requests of one connection.</summary>
internal static class ParentHttpServer
{
    private const int MaxBodySize = 64 * 1024 * 1024;

    /// <summary>Serves requests; what is none gets status 400.</summary>
    public static Task ServeAsync(Stream stream, Func<ParentHttpRequest, CancellationToken, Task<ParentHttpResponse>> handler, CancellationToken cancellationToken) =>
        ServeAllAsync(stream, MaxBodySize, (request, token) => request.Problem is { } problem ? Task.FromResult(ParentHttpResponse.OfText(problem + "\n", 400)) : handler(request, token), cancellationToken);

    /// <summary>Serves requests and leaves those with a <see cref="ParentHttpRequest.Problem"/> to the handler too.</summary>
    public static async Task ServeAllAsync(Stream stream, int maxBodySize, Func<ParentHttpRequest, CancellationToken, Task<ParentHttpResponse>> handler, CancellationToken cancellationToken)
    {
        var connection = new HttpServerConnection(stream, maxBodySize);
        while (await connection.ReadRequestAsync(cancellationToken).ConfigureAwait(false) is { } request)
        {
            ParentHttpResponse response = await handler(request, cancellationToken).ConfigureAwait(false);
            await connection.WriteResponseAsync(response, request.KeepAlive, cancellationToken).ConfigureAwait(false);
            if (!request.KeepAlive)
                return;
        }
    }
}
