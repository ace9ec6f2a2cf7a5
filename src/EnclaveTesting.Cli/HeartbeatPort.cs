using System.Diagnostics;
using EnclaveTesting.Engine.Devices.Vsock;

namespace EnclaveTesting.Cli;

/// <summary>The parent's port 9000: an enclave's init sends 0xB7 and wants it back.</summary>
/// <param name="start">The stopwatch's time from which <see cref="At"/> counts.</param>
/// <param name="status">Takes what goes wrong, one line each.</param>
internal sealed class HeartbeatPort(long start, Action<string> status)
{
    public const uint Port = 9000;
    private const byte Beat = 0xB7;

    private readonly TaskCompletionSource<TimeSpan> _seen = new(TaskCreationOptions.RunContinuationsAsynchronously);

    /// <summary>Completes with the time of the first heartbeat once it is answered.</summary>
    public Task<TimeSpan> Seen => _seen.Task;

    /// <summary>When the first heartbeat came; null before.</summary>
    public TimeSpan? At => _seen.Task.IsCompletedSuccessfully ? _seen.Task.Result : null;

    /// <summary>Answers until the listener is disposed or the enclave has ended.</summary>
    public async Task ServeAsync(VsockListener listener, CancellationToken cancellationToken)
    {
        var connections = new List<Task>();
        try
        {
            while (true)
            {
                var stream = await listener.AcceptAsync(cancellationToken).ConfigureAwait(false);
                connections.RemoveAll(task => task.IsCompleted);
                connections.Add(AnswerAsync(stream, cancellationToken));
            }
        }
        catch (Exception exception) when (exception is VsockException or ObjectDisposedException or OperationCanceledException)
        {
            // The end.
        }

        await Task.WhenAll(connections).ConfigureAwait(false);
    }

    private async Task AnswerAsync(VsockStream stream, CancellationToken cancellationToken)
    {
        await using var _ = stream.ConfigureAwait(false);
        byte[] beat = new byte[1];
        try
        {
            await stream.ReadExactlyAsync(beat, cancellationToken).ConfigureAwait(false);
            var at = Stopwatch.GetElapsedTime(start);
            if (beat[0] != Beat)
            {
                status($"the heartbeat was 0x{beat[0]:x2}, not 0x{Beat:x2}");
                return;
            }

            await stream.WriteAsync(beat, cancellationToken).ConfigureAwait(false);
            _seen.TrySetResult(at);
        }
        catch (Exception exception) when (exception is IOException or OperationCanceledException)
        {
            // A connection that broke was no heartbeat.
        }
    }
}
