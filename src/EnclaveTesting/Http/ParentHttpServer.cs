namespace EnclaveTesting;

/// <summary>Answers the HTTP requests of one connection.</summary>
internal static class ParentHttpServer
{
    public static async Task ServeAsync(Stream stream, Func<ParentHttpRequest, CancellationToken, Task<ParentHttpResponse>> handler, CancellationToken cancellationToken)
    {
        var connection = new HttpServerConnection(stream);
        while (await connection.ReadRequestAsync(cancellationToken).ConfigureAwait(false) is { } request)
        {
            ParentHttpResponse response = request.Problem is { } problem
                ? ParentHttpResponse.OfText(problem + "\n", 400)
                : await handler(request, cancellationToken).ConfigureAwait(false);
            await connection.WriteResponseAsync(response, request.KeepAlive, cancellationToken).ConfigureAwait(false);
            if (!request.KeepAlive)
                return;
        }
    }
}
