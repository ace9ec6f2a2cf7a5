using System.Text;
using System.Text.RegularExpressions;
using EnclaveTesting.Engine.Devices;
using EnclaveTesting.Engine.Machine;

namespace EnclaveTesting;

/// <summary>
/// Everything an enclave prints on its serial console: lines with the host's time, raw bytes, and a way to wait for a line.
/// Thread-safe. Memory is bounded: beyond <see cref="Capacity"/> the oldest half goes, and a note stands in its place.
/// </summary>
internal sealed class ConsoleLog : ISerialSink
{
    /// <summary>How many bytes are kept by default, 16 MiB.</summary>
    public const int DefaultCapacity = 16 << 20;

    private const int LongestLine = 64 << 10;
    private const int LineOverhead = 96;

    private readonly Lock _lock = new();
    private readonly TimeProvider _time;
    private readonly long _opened;
    private readonly List<ConsoleLine> _lines = [];
    private readonly byte[] _partial = new byte[LongestLine];
    private byte[] _raw = new byte[4096];
    private int _rawLength;
    private int _partialLength;
    private long _lineMemory;
    private long _droppedBytes;
    private long _droppedLines;
    private TimeSpan? _firstByte;
    private TaskCompletionSource? _changed;
    private Func<string, Exception>? _ended;

    /// <summary>An empty log.</summary>
    /// <param name="timeProvider">The clock behind the lines' times.</param>
    /// <param name="capacity">How many bytes to keep, at least 4096.</param>
    public ConsoleLog(TimeProvider? timeProvider = null, int capacity = DefaultCapacity)
    {
        ArgumentOutOfRangeException.ThrowIfLessThan(capacity, 4096);
        _time = timeProvider ?? TimeProvider.System;
        _opened = _time.GetTimestamp();
        Capacity = capacity;
    }

    /// <summary>How many bytes are kept at most.</summary>
    public int Capacity { get; }

    /// <summary>When the first byte came, since the console was opened; null before that.</summary>
    public TimeSpan? FirstByteAt
    {
        get
        {
            lock (_lock)
                return _firstByte;
        }
    }

    /// <summary>How many bytes the enclave has printed, dropped ones included.</summary>
    public long ByteCount
    {
        get
        {
            lock (_lock)
                return _droppedBytes + _rawLength;
        }
    }

    /// <summary>How many lines were completed, dropped ones included.</summary>
    public long LineCount
    {
        get
        {
            lock (_lock)
                return _droppedLines + _lines.Count;
        }
    }

    /// <summary>The complete lines so far, oldest first.</summary>
    public IReadOnlyList<ConsoleLine> Lines
    {
        get
        {
            lock (_lock)
                return [.. _lines];
        }
    }

    /// <summary>What has been printed since the last line end; empty if nothing.</summary>
    public string PartialLine
    {
        get
        {
            lock (_lock)
                return DecodePartial();
        }
    }

    /// <summary>The bytes as the enclave sent them, as far as they are kept.</summary>
    public byte[] GetRawBytes()
    {
        lock (_lock)
            return _raw.AsSpan(0, _rawLength).ToArray();
    }

    /// <inheritdoc/>
    public void Write(byte value)
    {
        TaskCompletionSource? changed;
        lock (_lock)
        {
            _firstByte ??= _time.GetElapsedTime(_opened);
            AppendRaw(value);
            if (value == '\n')
                CompleteLine();
            else
                _partial[_partialLength++] = value;
            if (_partialLength == LongestLine)
                CompleteLine();
            changed = _changed;
            _changed = null;
            if (changed is not null)
                Waits?.Tell();
        }

        changed?.TrySetResult();
    }

    /// <summary>Those who wait for what the machine prints; null before there is a machine.</summary>
    internal HostWaits? Waits { get; set; }

    /// <summary>Waits for a line that contains a text; lines printed before the call count, the unfinished one too.</summary>
    /// <inheritdoc cref="WaitForLineAsync(Func{string, bool}, string, TimeSpan, CancellationToken)"/>
    public Task<ConsoleLine> WaitForLineAsync(string text, TimeSpan? timeout = null, CancellationToken cancellationToken = default)
    {
        ArgumentException.ThrowIfNullOrEmpty(text);
        return WaitForLineAsync(line => line.Contains(text, StringComparison.Ordinal), $"a console line containing \"{text}\"", timeout ?? DefaultTimeout, cancellationToken);
    }

    /// <summary>Waits for a line that matches a pattern; lines printed before the call count, the unfinished one too.</summary>
    /// <inheritdoc cref="WaitForLineAsync(Func{string, bool}, string, TimeSpan, CancellationToken)"/>
    public Task<ConsoleLine> WaitForLineAsync(Regex pattern, TimeSpan? timeout = null, CancellationToken cancellationToken = default)
    {
        ArgumentNullException.ThrowIfNull(pattern);
        return WaitForLineAsync(pattern.IsMatch, $"a console line matching /{pattern}/", timeout ?? DefaultTimeout, cancellationToken);
    }

    /// <summary>Waits for a line that a predicate accepts; lines printed before the call count, the unfinished one too.</summary>
    /// <inheritdoc cref="WaitForLineAsync(Func{string, bool}, string, TimeSpan, CancellationToken)"/>
    public Task<ConsoleLine> WaitForLineAsync(Func<string, bool> predicate, TimeSpan? timeout = null, CancellationToken cancellationToken = default)
    {
        ArgumentNullException.ThrowIfNull(predicate);
        return WaitForLineAsync(predicate, "a console line that satisfies the predicate", timeout ?? DefaultTimeout, cancellationToken);
    }

    /// <summary>How long a wait lasts when nobody says otherwise: 30 seconds.</summary>
    internal static TimeSpan DefaultTimeout => TimeSpan.FromSeconds(30);

    /// <summary>Waits for a line.</summary>
    /// <returns>The first such line.</returns>
    /// <exception cref="EnclaveTimeoutException">The time was over; the message says what was awaited and shows the console's tail.</exception>
    /// <exception cref="EnclaveExitedException">The enclave ended without printing it.</exception>
    internal async Task<ConsoleLine> WaitForLineAsync(Func<string, bool> predicate, string awaited, TimeSpan timeout, CancellationToken cancellationToken)
    {
        using HostWait? waiting = Waits?.Begin();
        using var deadline = new CancellationTokenSource(timeout, _time);
        using var either = CancellationTokenSource.CreateLinkedTokenSource(deadline.Token, cancellationToken);
        long next = 0;
        while (true)
        {
            Task changed;
            ConsoleLine[] fresh;
            ConsoleLine partial;
            Func<string, Exception>? ended;
            lock (_lock)
            {
                int from = (int)Math.Max(0, next - _droppedLines);
                fresh = [.. _lines.Skip(from)];
                next = _droppedLines + _lines.Count;
                partial = new ConsoleLine(next, _time.GetElapsedTime(_opened), DecodePartial());
                ended = _ended;
                _changed ??= new TaskCompletionSource(TaskCreationOptions.RunContinuationsAsynchronously);
                changed = _changed.Task;
            }

            // Outside the lock: the predicate is foreign code.
            if ((Array.Find(fresh, line => predicate(line.Text)) ?? (partial.Text.Length > 0 && predicate(partial.Text) ? partial : null)) is { } found)
                return found;
            if (ended is not null)
                throw ended(awaited);
            lock (_lock)
            {
                if (_changed?.Task == changed)
                    waiting?.Look();
            }

            try
            {
                await changed.WaitAsync(either.Token).ConfigureAwait(false);
            }
            catch (OperationCanceledException) when (!cancellationToken.IsCancellationRequested)
            {
                throw new EnclaveTimeoutException(awaited, timeout, Tail());
            }
        }
    }

    /// <summary>The complete lines from a number on, what completes when there may be more, and whether the enclave has ended.</summary>
    internal (IReadOnlyList<ConsoleLine> Lines, Task Changed, bool Ended) ReadFrom(long next)
    {
        lock (_lock)
        {
            _changed ??= new TaskCompletionSource(TaskCreationOptions.RunContinuationsAsynchronously);
            return ([.. _lines.Skip((int)Math.Max(0, next - _droppedLines))], _changed.Task, _ended is not null);
        }
    }

    /// <summary>The last lines as text, for messages.</summary>
    internal string Tail(int lines = 25)
    {
        lock (_lock)
        {
            IEnumerable<string> last = _lines.TakeLast(lines).Select(line => line.Text);
            if (_partialLength > 0)
                last = last.Append(DecodePartial());
            return string.Join('\n', last.TakeLast(lines));
        }
    }

    /// <summary>The whole console with a note where lines were dropped.</summary>
    internal string Render(long firstLine = 0, long? endLine = null)
    {
        lock (_lock)
        {
            var text = new StringBuilder();
            if (_droppedLines > firstLine)
                text.Append("[").Append(_droppedLines - firstLine).Append(" lines dropped: the console keeps ").Append(Capacity).Append(" bytes]\n");
            foreach (ConsoleLine line in _lines)
            {
                if (line.Number >= firstLine && (endLine is null || line.Number < endLine))
                    text.Append(line.Text).Append('\n');
            }

            if (endLine is null)
                text.Append(DecodePartial());
            return text.ToString();
        }
    }

    /// <summary>Tells waiters that no more will come.</summary>
    /// <param name="ended">Makes the exception of a waiter from what it awaited.</param>
    internal void Complete(Func<string, Exception> ended)
    {
        TaskCompletionSource? changed;
        lock (_lock)
        {
            _ended ??= ended;
            changed = _changed;
            _changed = null;
            if (changed is not null)
                Waits?.Tell();
        }

        changed?.TrySetResult();
    }

    private void AppendRaw(byte value)
    {
        if (_rawLength == Capacity)
        {
            int dropped = Capacity / 2;
            _raw.AsSpan(dropped, _rawLength - dropped).CopyTo(_raw);
            _rawLength -= dropped;
            _droppedBytes += dropped;
        }

        if (_rawLength == _raw.Length)
            Array.Resize(ref _raw, Math.Min(Capacity, _raw.Length * 2));
        _raw[_rawLength++] = value;
    }

    private void CompleteLine()
    {
        var line = new ConsoleLine(_droppedLines + _lines.Count, _time.GetElapsedTime(_opened), DecodePartial());
        _partialLength = 0;
        _lines.Add(line);
        _lineMemory += MemoryOf(line);
        // Short lines cost more as objects than as bytes; what counts is what they cost.
        if (_lineMemory <= 4L * Capacity)
            return;
        int dropped = _lines.Count / 2;
        for (int i = 0; i < dropped; i++)
            _lineMemory -= MemoryOf(_lines[i]);
        _lines.RemoveRange(0, dropped);
        _droppedLines += dropped;
    }

    private static int MemoryOf(ConsoleLine line) => LineOverhead + (2 * line.Text.Length);

    private string DecodePartial()
    {
        // A serial console ends lines with CR LF; some drivers send the CR twice.
        ReadOnlySpan<byte> bytes = _partial.AsSpan(0, _partialLength).TrimEnd((byte)'\r');
        return ConsoleText.Decode(bytes);
    }
}
