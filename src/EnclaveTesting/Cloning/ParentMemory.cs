namespace EnclaveTesting;

/// <summary>What a parent remembers, as its enclave's clones take it over.</summary>
/// <param name="Connections">The connections; those that were under way are lost.</param>
/// <param name="HeartbeatAt">When the heartbeat came.</param>
internal sealed record ParentMemory(IReadOnlyList<ParentConnection> Connections, TimeSpan? HeartbeatAt);
