using System.Diagnostics;
using System.Text;
using EnclaveTesting.Engine.Devices;

namespace EnclaveTesting.Cli;

/// <summary>
/// Passes an enclave's console on to a stream, byte for byte as it comes, by a thread of its own. What is not written yet is bounded: a
/// reader that is slower than the enclave slows it down. Also notes when the first byte came and looks for a text.
/// </summary>
internal sealed class ConsoleOutput : ISerialSink, IDisposable
{
    private const int Capacity = 1 << 20;

    private readonly Stream _stream;
    private readonly long _start;
    private readonly byte[] _text;
    private readonly int[] _fallback;
    private readonly object _lock = new();
    private readonly Thread _writer;
    private readonly TaskCompletionSource _textSeen = new(TaskCreationOptions.RunContinuationsAsynchronously);
    private readonly TaskCompletionSource<IOException?> _ended = new(TaskCreationOptions.RunContinuationsAsynchronously);
    private byte[] _filling = new byte[Capacity], _writing = new byte[Capacity];
    private int _length, _matched;
    private bool _released, _completed;
    private byte _last = (byte)'\n';

    /// <summary>Starts the thread.</summary>
    /// <param name="stream">Where the bytes go; stays open.</param>
    /// <param name="start">The stopwatch's time from which <see cref="FirstByteAt"/> counts.</param>
    /// <param name="text">The text to look for; empty for none.</param>
    public ConsoleOutput(Stream stream, long start, string text)
    {
        _stream = stream;
        _start = start;
        _text = Encoding.UTF8.GetBytes(text);
        _fallback = Fallbacks(_text);
        _writer = new Thread(WriteLoop) { IsBackground = true, Name = "console output" };
        _writer.Start();
    }

    /// <summary>When the first byte came; null before.</summary>
    public TimeSpan? FirstByteAt { get; private set; }

    /// <summary>Completes when the text was printed.</summary>
    public Task TextSeen => _textSeen.Task;

    /// <summary>Completes when nothing more will be written: everything was, or with the stream's failure.</summary>
    public Task<IOException?> Ended => _ended.Task;

    /// <inheritdoc/>
    public void Write(byte value)
    {
        lock (_lock)
        {
            FirstByteAt ??= Stopwatch.GetElapsedTime(_start);
            Match(value);
            while (_length == Capacity && !_released)
                Monitor.Wait(_lock);
            if (_length == Capacity)
                return;
            _filling[_length++] = value;
            if (_length == 1)
                Monitor.PulseAll(_lock);
        }
    }

    /// <summary>Lets the enclave go on whatever the reader does; what does not fit any more is dropped. Before it is stopped.</summary>
    public void Release()
    {
        lock (_lock)
        {
            _released = true;
            Monitor.PulseAll(_lock);
        }
    }

    /// <summary>Says that no more comes, and waits until all is written or the caller gives up.</summary>
    public async Task<IOException?> CompleteAsync(CancellationToken cancellationToken)
    {
        lock (_lock)
        {
            _completed = true;
            Monitor.PulseAll(_lock);
        }

        return await Ended.WaitAsync(cancellationToken).ConfigureAwait(false);
    }

    /// <summary>Writes a line of our own after the console, which may have stopped in the middle of one. Only after <see cref="CompleteAsync"/>.</summary>
    public void WriteLine(string line)
    {
        _stream.Write(Encoding.UTF8.GetBytes((_last == '\n' ? "" : "\n") + line + "\n"));
        _stream.Flush();
    }

    /// <summary>Lets the thread end without waiting for it: a write may be stuck in a reader that does not read.</summary>
    public void Dispose()
    {
        lock (_lock)
        {
            _released = _completed = true;
            _length = 0;
            Monitor.PulseAll(_lock);
        }
    }

    private static int[] Fallbacks(byte[] text)
    {
        int[] fallback = new int[text.Length];
        for (int i = 1, length = 0; i < text.Length; i++)
        {
            while (length > 0 && text[i] != text[length])
                length = fallback[length - 1];
            fallback[i] = text[i] == text[length] ? ++length : 0;
        }

        return fallback;
    }

    private void Match(byte value)
    {
        if (_matched == _text.Length)
            return;
        while (_matched > 0 && value != _text[_matched])
            _matched = _fallback[_matched - 1];
        if (value == _text[_matched])
            _matched++;
        if (_matched == _text.Length)
            _textSeen.TrySetResult();
    }

    private void WriteLoop()
    {
        try
        {
            while (true)
            {
                int length;
                lock (_lock)
                {
                    while (_length == 0 && !_completed)
                        Monitor.Wait(_lock);
                    if (_length == 0)
                        break;
                    (_filling, _writing) = (_writing, _filling);
                    length = _length;
                    _length = 0;
                    _last = _writing[length - 1];
                    Monitor.PulseAll(_lock);
                }

                _stream.Write(_writing, 0, length);
                _stream.Flush();
            }

            _ended.TrySetResult(null);
        }
        catch (Exception exception) when (exception is IOException or UnauthorizedAccessException)
        {
            Release();
            // The system refuses a descriptor that was closed as it refuses a file that is somebody else's.
            _ended.TrySetResult(exception as IOException ?? new IOException("it is closed", exception));
        }
    }
}
