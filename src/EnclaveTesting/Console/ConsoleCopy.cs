namespace EnclaveTesting;

/// <summary>Copies a console's lines as they are completed.</summary>
internal sealed class ConsoleCopy : IDisposable
{
    private readonly ConsoleLog _log;
    private readonly Action<string> _writeLine;
    private readonly CancellationTokenSource _stop = new();
    private readonly Lock _lock = new();
    private long _next;
    private bool _isOver;

    public ConsoleCopy(ConsoleLog log, Action<string> writeLine, long next)
    {
        _log = log;
        _writeLine = writeLine;
        _next = next;
        _ = Task.Run(CopyAsync);
    }

    public void Dispose()
    {
        _stop.Cancel();
        lock (_lock)
        {
            Write(_log.ReadFrom(_next).Lines);
            _isOver = true;
        }
    }

    private async Task CopyAsync()
    {
        try
        {
            while (true)
            {
                Task changed;
                lock (_lock)
                {
                    (IReadOnlyList<ConsoleLine> lines, changed, bool ended) = _log.ReadFrom(_next);
                    Write(lines);
                    if (_isOver || ended)
                        return;
                }

                await changed.WaitAsync(_stop.Token).ConfigureAwait(false);
            }
        }
        catch (OperationCanceledException)
        {
            // Disposed.
        }
    }

    private void Write(IReadOnlyList<ConsoleLine> lines)
    {
        foreach (ConsoleLine line in lines)
        {
            if (_isOver)
                return;
            _next = line.Number + 1;
            try
            {
                _writeLine(line.Text);
            }
            catch (Exception)
            {
                // Foreign code; an output that is no longer there is no failure of the test.
                _isOver = true;
            }
        }
    }
}
