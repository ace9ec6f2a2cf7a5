using EnclaveTesting.Engine.Accelerators.Software.Cpu;
using EnclaveTesting.Engine.Memory;

namespace EnclaveTesting.Engine.State;

/// <summary>
/// A machine as it was at one moment. Any number of machines can be made of it, at the same time; they share the memory that they do not write.
/// Immutable until it is disposed; machines that were made of it live on.
/// </summary>
internal sealed class MachineSnapshot(MachineDescription description, string source, long stateOffset, ReadOnlyMemory<byte> state, MemoryImage memory) : IDisposable
{
    private int _disposed;

    /// <summary>What the machine was built of.</summary>
    public MachineDescription Description => description;

    /// <summary>The file it came from, or "&lt;memory&gt;".</summary>
    public string Source => source;

    /// <summary>CPUs, controllers and devices.</summary>
    public ReadOnlyMemory<byte> State => state;

    /// <summary>The guest's RAM.</summary>
    public MemoryImage Memory => memory;

    /// <summary>What else belongs to it, of whoever saved it; saved with it.</summary>
    public ReadOnlyMemory<byte> Attachment { get; set; }

    /// <summary>Opens <see cref="State"/>.</summary>
    public StateArchive OpenState() => StateArchive.ToRead(source, stateOffset, state);

    /// <summary>The guest's code as it had been decoded, which spares clones the same; null where nobody has it. Taken over.</summary>
    public SharedCode? Code { get; init; }

    /// <inheritdoc/>
    public void Dispose()
    {
        if (Interlocked.Exchange(ref _disposed, 1) != 0)
            return;
        memory.Dispose();
        Code?.Dispose();
    }
}
