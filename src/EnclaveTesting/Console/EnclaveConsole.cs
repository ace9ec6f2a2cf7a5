using System.Text.RegularExpressions;

namespace EnclaveTesting;

/// <summary>The serial console of an enclave: what it printed, in the views that tests ask for.</summary>
public sealed class EnclaveConsole
{
    private readonly SnapshotSettings _snapshots;
    private long _bootEnd = -1;

    internal EnclaveConsole(ConsoleLog log, SnapshotSettings snapshots)
    {
        Log = log;
        _snapshots = snapshots;
    }

    /// <summary>Everything behind the views: lines with their times, raw bytes.</summary>
    internal ConsoleLog Log { get; }

    /// <summary>The complete lines so far.</summary>
    public IReadOnlyList<ConsoleLine> Lines => Log.Lines;

    /// <summary>
    /// What was printed before the enclave's heartbeat came: the kernel and init. Everything while there was none.
    /// </summary>
    public ConsoleView BootLog => new("boot log", Log.Render(0, BootEnd), _snapshots);

    /// <summary>What was printed after the heartbeat: the application. Empty while there was none.</summary>
    public ConsoleView ApplicationLog => new("application log", BootEnd is { } end ? Log.Render(end) : "", _snapshots);

    /// <summary>All of it.</summary>
    public ConsoleView All => new("console", Log.Render(), _snapshots);

    private long? BootEnd => Volatile.Read(ref _bootEnd) is var end and >= 0 ? end : null;

    /// <inheritdoc cref="ConsoleLog.WaitForLineAsync(string, TimeSpan?, CancellationToken)"/>
    public Task<ConsoleLine> WaitForLineAsync(string text, TimeSpan? timeout = null, CancellationToken cancellationToken = default) =>
        Log.WaitForLineAsync(text, timeout, cancellationToken);

    /// <inheritdoc cref="ConsoleLog.WaitForLineAsync(Regex, TimeSpan?, CancellationToken)"/>
    public Task<ConsoleLine> WaitForLineAsync(Regex pattern, TimeSpan? timeout = null, CancellationToken cancellationToken = default) =>
        Log.WaitForLineAsync(pattern, timeout, cancellationToken);

    /// <inheritdoc cref="ConsoleLog.WaitForLineAsync(Func{string, bool}, TimeSpan?, CancellationToken)"/>
    public Task<ConsoleLine> WaitForLineAsync(Func<string, bool> predicate, TimeSpan? timeout = null, CancellationToken cancellationToken = default) =>
        Log.WaitForLineAsync(predicate, timeout, cancellationToken);

    /// <summary>
    /// Writes each line as it is printed somewhere else too: to a test's output, to standard error. Until the result is disposed, which
    /// writes what is still missing, or the enclave ends, or the function throws, as the output of a test does when the test is over.
    /// </summary>
    /// <param name="writeLine">Writes a line; called by one thread at a time.</param>
    /// <param name="fromStart">Begins with the first line instead of the next one.</param>
    public IDisposable WriteTo(Action<string> writeLine, bool fromStart = false)
    {
        ArgumentNullException.ThrowIfNull(writeLine);
        return new ConsoleCopy(Log, writeLine, fromStart ? 0 : Log.LineCount);
    }

    /// <summary>Everything that was printed.</summary>
    public override string ToString() => All.Text;

    /// <summary>How many lines are the boot log; -1 while there was no heartbeat.</summary>
    internal long BootEndLine => Volatile.Read(ref _bootEnd);

    /// <summary>Begins with what a saved enclave had printed.</summary>
    internal void Restore(ReadOnlySpan<byte> printed, long bootEnd)
    {
        foreach (byte value in printed)
            Log.Write(value);
        Volatile.Write(ref _bootEnd, bootEnd);
    }

    /// <summary>Notes that the boot log ends here; the first call counts.</summary>
    internal void EndBoot() => Interlocked.CompareExchange(ref _bootEnd, Log.LineCount, -1);
}
