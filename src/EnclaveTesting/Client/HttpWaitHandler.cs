using EnclaveTesting.Engine.Machine;

namespace EnclaveTesting;

/// <summary>Lets requests of HTTP/1.1 and the reading of their answers count as waits for the enclave.</summary>
internal sealed class HttpWaitHandler(HttpMessageHandler inner, Func<HostActivity> findActivity) : DelegatingHandler(inner)
{
    /// <inheritdoc/>
    protected override async Task<HttpResponseMessage> SendAsync(HttpRequestMessage request, CancellationToken cancellationToken)
    {
        HostActivity activity = findActivity();
        // Connections of HTTP/2 are shared by requests, and say things of their own at times of the host's.
        if (!activity.IsFollowed || request.Version.Major != 1 || request.VersionPolicy == HttpVersionPolicy.RequestVersionOrHigher)
            return await base.SendAsync(request, cancellationToken).ConfigureAwait(false);
        using var wait = new HttpWait(activity);
        HttpWait.Current = wait;
        HttpResponseMessage response = await base.SendAsync(request, cancellationToken).ConfigureAwait(false);
        response.Content = new HttpWaitContent(response.Content, activity);
        return response;
    }
}
