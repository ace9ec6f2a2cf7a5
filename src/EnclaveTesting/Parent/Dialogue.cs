namespace EnclaveTesting;

/// <summary>Who said what on a connection, as it happens; bounded.</summary>
internal sealed class Dialogue
{
    private const int Limit = 16 << 20;

    private readonly Lock _lock = new();
    private readonly List<(bool FromEnclave, MemoryStream Bytes)> _turns = [];
    private long _size;

    public void Add(bool fromEnclave, ReadOnlySpan<byte> bytes)
    {
        if (bytes.IsEmpty)
            return;
        lock (_lock)
        {
            _size += bytes.Length;
            if (_size > Limit)
            {
                _turns.Clear();
                return;
            }

            if (_turns.Count == 0 || _turns[^1].FromEnclave != fromEnclave)
                _turns.Add((fromEnclave, new MemoryStream()));
            _turns[^1].Bytes.Write(bytes);
        }
    }

    /// <summary>Takes over what another dialogue has.</summary>
    public void Add(Dialogue other)
    {
        List<(bool FromEnclave, byte[] Bytes)> turns;
        lock (other._lock)
        {
            turns = [.. other._turns.Select(turn => (turn.FromEnclave, turn.Bytes.ToArray()))];
            // One that was too long stays so.
            _size = other._size > Limit ? other._size : 0;
        }

        foreach ((bool fromEnclave, byte[] bytes) in turns)
            Add(fromEnclave, bytes);
    }

    public ParentRecording ToRecording()
    {
        lock (_lock)
        {
            return _size <= Limit
                ? new ParentRecording([.. _turns.Select(turn => new ParentExchange(turn.FromEnclave, turn.Bytes.ToArray()))])
                : throw new InvalidOperationException($"{_size} bytes were exchanged; a recording holds at most {Limit}.");
        }
    }
}
