namespace EnclaveTesting.Engine.Accelerators;

/// <summary>Actions that wait for a machine to stand still. Any thread asks; the machine's own carries them out.</summary>
internal sealed class PauseRequests
{
    private readonly Lock _lock = new();
    private readonly Queue<Request> _waiting = new();
    private volatile bool _any;
    private bool _closed;

    /// <summary>Whether one waits.</summary>
    public bool Any => _any;

    /// <summary>Asks, gets the machine's attention, and waits until the action has been carried out.</summary>
    /// <exception cref="InvalidOperationException">The machine does not run any more.</exception>
    public void Run(Action action, Action wake)
    {
        var request = new Request(action);
        lock (_lock)
        {
            if (_closed)
                throw Ended();
            _waiting.Enqueue(request);
            _any = true;
        }

        wake();
        request.Done.Task.GetAwaiter().GetResult();
    }

    /// <summary>Carries out what waits; on the machine's thread, while the machine stands still.</summary>
    public void CarryOut()
    {
        while (TryTake(out Request? request))
        {
            try
            {
                request.Action();
                request.Done.SetResult();
            }
            catch (Exception exception)
            {
                // The machine is as it was; the one who asked has to know.
                request.Done.SetException(exception);
            }
        }
    }

    /// <summary>The machine has ended: nothing will be carried out any more.</summary>
    public void Close()
    {
        lock (_lock)
            _closed = true;
        while (TryTake(out Request? request))
            request.Done.SetException(Ended());
    }

    private static InvalidOperationException Ended() => new("The machine does not run any more: it cannot be saved.");

    private bool TryTake([System.Diagnostics.CodeAnalysis.NotNullWhen(true)] out Request? request)
    {
        lock (_lock)
        {
            bool any = _waiting.TryDequeue(out request);
            _any = _waiting.Count > 0;
            return any;
        }
    }

    private sealed record Request(Action Action)
    {
        public TaskCompletionSource Done { get; } = new(TaskCreationOptions.RunContinuationsAsynchronously);
    }
}
