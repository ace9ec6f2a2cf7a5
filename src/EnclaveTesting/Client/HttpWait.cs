using EnclaveTesting.Engine.Machine;

namespace EnclaveTesting;

/// <summary>
/// A test that waits for the answer to an HTTP request, from when the request has been written whole: a read that waits does not show it, since
/// connections that nobody uses are read too. While the request is written the test is about to do the next thing.
/// </summary>
internal sealed class HttpWait(HostActivity activity) : IDisposable
{
    private static readonly AsyncLocal<HttpWait?> Flow = new();

    private readonly Lock _lock = new();
    private readonly HttpRequestEnd _request = new();
    private HostWait? _wait;
    private bool _writes, _disposed;

    /// <summary>The one of the request that this asynchronous flow sends.</summary>
    public static HttpWait? Current
    {
        get => Flow.Value;
        set => Flow.Value = value;
    }

    /// <summary>A test reads an answer, which is the next thing it does after it has got its beginning.</summary>
    public static HostWait BeginRead(HostActivity activity)
    {
        activity.EndTurnByWaiting();
        var wait = new HostWait(activity);
        activity.EndWait();
        return wait;
    }

    /// <summary>A part of the request is about to be written, or goes on to be.</summary>
    public void BeginWrite()
    {
        lock (_lock)
        {
            if (_writes || _wait is not null || _disposed)
                return;
            _writes = true;
            activity.BeginReaction();
        }
    }

    /// <summary>The write waits for the enclave to take bytes, which it says itself.</summary>
    public void Pause()
    {
        lock (_lock)
            EndReaction();
    }

    /// <summary>A part of the request is on its way.</summary>
    public void Wrote(ReadOnlySpan<byte> bytes)
    {
        lock (_lock)
        {
            _request.Follow(bytes);
            if (!_request.IsReached || _wait is not null || _disposed)
                return;
            _wait = new HostWait(activity);
            EndReaction();
        }
    }

    /// <summary>The answer is there, or none will come; now the test has the word.</summary>
    public void Dispose()
    {
        lock (_lock)
        {
            _disposed = true;
            if (_wait is null)
                activity.BeginTurn();
            _wait?.Dispose();
            EndReaction();
        }
    }

    private void EndReaction()
    {
        if (!_writes)
            return;
        _writes = false;
        activity.EndReaction();
    }
}
