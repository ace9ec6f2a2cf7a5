using EnclaveTesting.Engine.State;

namespace EnclaveTesting;

/// <summary>An enclave as it was at one moment, in memory. Enclaves that were made of it live on when it is disposed.</summary>
/// <param name="Machine">The machine.</param>
/// <param name="Record">What the outside had seen.</param>
internal sealed record EnclaveSnapshot(MachineSnapshot Machine, EnclaveRecord Record) : IDisposable
{
    /// <summary>What the original's parent remembers, for its clones.</summary>
    public ParentMemory? Parent { get; init; }

    /// <inheritdoc/>
    public void Dispose() => Machine.Dispose();
}
