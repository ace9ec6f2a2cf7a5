namespace EnclaveTesting.Benchmarks.Suite;

/// <summary>One thing that was measured.</summary>
/// <param name="Area">What it belongs to.</param>
/// <param name="What">What it is.</param>
/// <param name="Unit">Of both values.</param>
/// <param name="Better">Which values are the better ones.</param>
/// <param name="Value">Ours.</param>
/// <param name="Peer">What was measured beside it; null if there is nothing like it.</param>
/// <param name="PeerValue">Its value; null where it is absent.</param>
internal sealed record Row(string Area, string What, string Unit, Better Better, double Value, string? Peer = null, double? PeerValue = null)
{
    /// <summary>How many times better than the peer; below 1 the peer is better.</summary>
    public double? Advantage => PeerValue is not { } peer ? null : Better == Better.Less ? peer / Value : Value / peer;
}
