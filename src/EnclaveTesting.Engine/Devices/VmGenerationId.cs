using System.Security.Cryptography;
using EnclaveTesting.Engine.Memory;

namespace EnclaveTesting.Engine.Devices;

/// <summary>
/// Tells a guest that it is not the only one any more that began where it stands (Microsoft, "Virtual Machine Generation ID"): 16 bytes of its
/// memory, which it finds by ACPI tables, and an interrupt when there are others. Linux mixes them into its random numbers and renews
/// the key at once (drivers/virt/vmgenid.c).
/// </summary>
/// <param name="memory">The guest's RAM. The guest may write there too, but then only fools itself: nothing is ever read back.</param>
/// <param name="interrupt">Rises once when the id has changed.</param>
internal sealed class VmGenerationId(GuestMemory memory, IInterruptLine interrupt)
{
    private const int Size = 16;

    public VmGenerationIdState State { get; } = new();

    /// <summary>Gives a new machine its first id; without it the guest has no such device.</summary>
    public void Begin()
    {
        State.IsPresent = true;
        Write();
    }

    /// <summary>Gives a machine that was made of a saved one an id of its own, before it runs.</summary>
    public void Renew()
    {
        if (!State.IsPresent)
            return;
        Write();
        interrupt.SetLevel(true);
        interrupt.SetLevel(false);
    }

    private void Write()
    {
        var address = new GuestAddress(MemoryLayout.GenerationId);
        RandomNumberGenerator.Fill(memory.GetSpan(address, Size));
        memory.NoteWrittenByDevice(address, Size);
    }
}
