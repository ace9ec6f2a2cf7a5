using System.Net.Sockets;
using System.Text.RegularExpressions;
using EnclaveTesting.Engine.Devices.Vsock;
using EnclaveTesting.Engine.Machine;

namespace EnclaveTesting;

/// <summary>Says when an enclave is ready. Immutable; may be used for many enclaves.</summary>
public abstract class Wait
{
    private static readonly TimeSpan Pause = TimeSpan.FromMilliseconds(20);

    /// <summary>What is awaited, in words.</summary>
    internal abstract string Description { get; }

    /// <summary>What tells it from another one that is described in the same words: which build of which function it calls.</summary>
    internal virtual string Identity => Description;

    /// <summary>Whether it completes or fails by itself once the enclave has ended, after having seen all that came before.</summary>
    internal virtual bool ToleratesExit => false;

    /// <summary>Whether the enclave's end is enough for it.</summary>
    internal virtual bool SucceedsAtExit => false;

    /// <summary>Ready when the heartbeat has come.</summary>
    public static Wait ForHeartbeat() => new SingleWait("the heartbeat", static async (enclave, entry, token) =>
    {
        entry.Seen = "none has come on port 9000";
        await enclave.Parent.WaitForHeartbeatAsync(token).ConfigureAwait(false);
        entry.Seen = "";
    }, toleratesExit: true);

    /// <summary>Ready at once.</summary>
    public static Wait ForNothing() => new SingleWait("nothing", static (_, _, _) => Task.CompletedTask);

    /// <summary>Ready when the console has a line that contains a text.</summary>
    public static Wait ForConsole(string text)
    {
        ArgumentException.ThrowIfNullOrEmpty(text);
        return ForConsole($"a console line containing \"{text}\"", line => line.Contains(text, StringComparison.Ordinal));
    }

    /// <summary>Ready when the console has a line that matches a pattern.</summary>
    public static Wait ForConsole(Regex pattern)
    {
        ArgumentNullException.ThrowIfNull(pattern);
        return ForConsole($"a console line matching /{pattern}/", pattern.IsMatch, $"{pattern.Options}");
    }

    /// <summary>Ready when the enclave accepts connections on a port; one is made and closed.</summary>
    public static Wait ForPort(uint port) => new SingleWait($"port {port} of the enclave", async (enclave, entry, token) =>
    {
        for (int attempts = 1; ; attempts++)
        {
            try
            {
                VsockStream stream = await enclave.Machine.Vsock.ConnectAsync(port, token).ConfigureAwait(false);
                await stream.DisposeAsync().ConfigureAwait(false);
                entry.Seen = "";
                return;
            }
            catch (VsockException exception)
            {
                entry.Seen = $"{attempts} attempts, the last: {exception.Message}";
            }

            await enclave.Machine.DelayAsync(Pause, isAwaited: true, null, token).ConfigureAwait(false);
        }
    });

    /// <summary>Ready when the enclave has connected to a port of the parent and done what its script expects.</summary>
    public static Wait ForParentPort(uint port) => new SingleWait($"a connection to the parent's port {port}", async (enclave, entry, token) =>
    {
        try
        {
            await enclave.Parent.WaitForConnectionAsync(port, token).ConfigureAwait(false);
        }
        finally
        {
            entry.Seen = enclave.Parent.Describe(port);
        }
    }, toleratesExit: true);

    /// <summary>Ready when an HTTP server of the enclave answers a GET with status 200.</summary>
    public static Wait ForHttp(uint port, string path = "/") => new SingleWait($"HTTP 200 from port {port}{path}", async (enclave, entry, token) =>
    {
        using HttpClient client = EnclaveHttp.CreateClient(enclave, port);
        for (int attempts = 1; ; attempts++)
        {
            try
            {
                using HttpResponseMessage response = await client.GetAsync(new Uri(path, UriKind.Relative), token).ConfigureAwait(false);
                entry.Seen = $"{attempts} attempts, the last: status {(int)response.StatusCode}";
                if (response.StatusCode == System.Net.HttpStatusCode.OK)
                    return;
            }
            catch (Exception exception) when (exception is HttpRequestException or IOException or SocketException)
            {
                entry.Seen = $"{attempts} attempts, the last: {exception.Message}";
            }

            await enclave.Machine.DelayAsync(Pause, isAwaited: true, null, token).ConfigureAwait(false);
        }
    });

    /// <summary>Ready when the enclave has ended; for images that do one thing.</summary>
    public static Wait ForExit() => new ExitWait();

    /// <summary>Ready when a function of yours completes.</summary>
    /// <param name="description">For messages.</param>
    /// <param name="wait">Completes when the enclave is ready; throws to fail the start.</param>
    public static Wait Until(string description, Func<Enclave, CancellationToken, Task> wait)
    {
        ArgumentException.ThrowIfNullOrEmpty(description);
        ArgumentNullException.ThrowIfNull(wait);
        return new SingleWait(description, (enclave, _, token) => Task.Run(() => wait(enclave, token), token), code: CodeIdentity.Of(wait));
    }

    /// <summary>Ready when both are.</summary>
    public Wait And(Wait other)
    {
        ArgumentNullException.ThrowIfNull(other);
        return new CombinedWait(this, other, all: true);
    }

    /// <summary>Ready when one of both is.</summary>
    public Wait Or(Wait other)
    {
        ArgumentNullException.ThrowIfNull(other);
        return new CombinedWait(this, other, all: false);
    }

    internal abstract Task RunAsync(Enclave enclave, WaitReport report, CancellationToken cancellationToken);

    private static SingleWait ForConsole(string awaited, Func<string, bool> predicate, string? code = null) => new(awaited, async (enclave, entry, token) =>
    {
        try
        {
            await enclave.Console.Log.WaitForLineAsync(predicate, awaited, Timeout.InfiniteTimeSpan, token).ConfigureAwait(false);
        }
        finally
        {
            entry.Seen = $"{enclave.Console.Log.LineCount} lines";
        }
    }, toleratesExit: true, code);

    private sealed class SingleWait(string awaited, Func<Enclave, WaitEntry, CancellationToken, Task> run, bool toleratesExit = false, string? code = null) : Wait
    {
        internal override string Description => awaited;

        internal override string Identity => $"{awaited}|{code}";

        internal override bool ToleratesExit => toleratesExit;

        internal override async Task RunAsync(Enclave enclave, WaitReport report, CancellationToken cancellationToken)
        {
            WaitEntry entry = report.Add(awaited);
            await run(enclave, entry, cancellationToken).ConfigureAwait(false);
            entry.IsDone = true;
        }
    }

    private sealed class ExitWait : Wait
    {
        internal override string Description => "the enclave's end";

        internal override bool ToleratesExit => true;

        internal override bool SucceedsAtExit => true;

        internal override async Task RunAsync(Enclave enclave, WaitReport report, CancellationToken cancellationToken)
        {
            WaitEntry entry = report.Add(Description);
            using (new HostWait(enclave.Machine.Host))
                await enclave.Exited.WaitAsync(cancellationToken).ConfigureAwait(false);
            entry.IsDone = true;
        }
    }

    private sealed class CombinedWait(Wait left, Wait right, bool all) : Wait
    {
        internal override string Description => $"({left.Description} {(all ? "and" : "or")} {right.Description})";

        internal override string Identity => $"({left.Identity} {(all ? "and" : "or")} {right.Identity})";

        internal override bool ToleratesExit => SucceedsAtExit || (left.ToleratesExit && right.ToleratesExit);

        internal override bool SucceedsAtExit => all ? left.SucceedsAtExit && right.SucceedsAtExit : left.SucceedsAtExit || right.SucceedsAtExit;

        internal override async Task RunAsync(Enclave enclave, WaitReport report, CancellationToken cancellationToken)
        {
            using var stop = CancellationTokenSource.CreateLinkedTokenSource(cancellationToken);
            Task[] both = [left.RunAsync(enclave, report, stop.Token), right.RunAsync(enclave, report, stop.Token)];
            Task first = await Task.WhenAny(both).ConfigureAwait(false);
            if (all && first.IsCompletedSuccessfully)
            {
                await Task.WhenAll(both).ConfigureAwait(false);
                return;
            }

            // The first failure decides "and", the first success "or"; a failed alternative leaves the other.
            if (!all && !first.IsCompletedSuccessfully)
            {
                await (first == both[0] ? both[1] : both[0]).ConfigureAwait(false);
                return;
            }

            await stop.CancelAsync().ConfigureAwait(false);
            await Task.WhenAll(both).ContinueWith(static task => _ = task.Exception, CancellationToken.None, TaskContinuationOptions.ExecuteSynchronously, TaskScheduler.Default).ConfigureAwait(false);
            await first.ConfigureAwait(false);
        }
    }
}
