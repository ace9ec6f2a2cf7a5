namespace EnclaveTesting.Engine.Devices.Vsock;

/// <summary>
/// Guards one end of a pipe, which knows no concurrency: one operation at a time, and an end that waits for the operation that goes
/// on. Whoever is told so (by true) completes the pipe's end, exactly once.
/// </summary>
internal struct ExclusiveUse
{
    private const int Busy = 1, Ended = 2;

    private int _state;

    /// <summary>Whether <see cref="End"/> was called.</summary>
    public readonly bool HasEnded => (Volatile.Read(in _state) & Ended) != 0;

    /// <summary>Begins an operation; false if there will be no more.</summary>
    /// <exception cref="InvalidOperationException">Another one goes on.</exception>
    public bool TryEnter(string what) => Interlocked.CompareExchange(ref _state, Busy, 0) switch
    {
        0 => true,
        Busy => throw new InvalidOperationException($"Another {what} of this connection has not ended yet."),
        _ => false,
    };

    /// <summary>Ends the operation; true if the end came meanwhile and is the caller's to carry out.</summary>
    public bool Exit() => (Interlocked.And(ref _state, ~Busy) & Ended) != 0;

    /// <summary>Allows no more operations; true if the caller carries the end out, false if that is done or the operation that goes on will.</summary>
    public bool End() => Interlocked.Or(ref _state, Ended) == 0;
}
