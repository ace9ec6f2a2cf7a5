using System.Net;
using EnclaveTesting.Engine.Machine;

namespace EnclaveTesting;

/// <summary>An answer's content whose reader waits for the enclave.</summary>
internal sealed class HttpWaitContent : HttpContent
{
    private readonly HttpContent _content;
    private readonly HostActivity _activity;

    public HttpWaitContent(HttpContent content, HostActivity activity)
    {
        _content = content;
        _activity = activity;
        foreach ((string name, IEnumerable<string> values) in content.Headers.NonValidated.Select(header => (header.Key, (IEnumerable<string>)header.Value)))
            Headers.TryAddWithoutValidation(name, values);
    }

    /// <inheritdoc/>
    protected override Task SerializeToStreamAsync(Stream stream, TransportContext? context) => SerializeToStreamAsync(stream, context, CancellationToken.None);

    /// <inheritdoc/>
    protected override async Task SerializeToStreamAsync(Stream stream, TransportContext? context, CancellationToken cancellationToken)
    {
        using HostWait wait = HttpWait.BeginRead(_activity);
        await _content.CopyToAsync(stream, context, cancellationToken).ConfigureAwait(false);
    }

    /// <inheritdoc/>
    protected override void SerializeToStream(Stream stream, TransportContext? context, CancellationToken cancellationToken)
    {
        using HostWait wait = HttpWait.BeginRead(_activity);
        _content.CopyTo(stream, context, cancellationToken);
    }

    /// <inheritdoc/>
    protected override Stream CreateContentReadStream(CancellationToken cancellationToken) => new HttpWaitStream(_content.ReadAsStream(cancellationToken), _activity);

    /// <inheritdoc/>
    protected override async Task<Stream> CreateContentReadStreamAsync() => new HttpWaitStream(await _content.ReadAsStreamAsync().ConfigureAwait(false), _activity);

    /// <inheritdoc/>
    protected override bool TryComputeLength(out long length)
    {
        length = _content.Headers.ContentLength ?? 0;
        return _content.Headers.ContentLength is not null;
    }

    /// <inheritdoc/>
    protected override void Dispose(bool disposing)
    {
        if (disposing)
            _content.Dispose();
        base.Dispose(disposing);
    }
}
