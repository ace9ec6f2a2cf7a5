using System.Runtime.CompilerServices;

namespace EnclaveTesting.Engine.Accelerators.Software.Cpu;

/// <summary>What string instructions need from the CPU.</summary>
internal sealed unsafe partial class SoftwareCpu
{
    private const int BytesPerInstruction = 32;

    /// <summary>Whether a repeated instruction must let go, to be restarted: the budget is used up, or somebody calls.</summary>
    internal bool MustYield
    {
        [MethodImpl(MethodImplOptions.AggressiveInlining)]
        get => State->Retired >= Volatile.Read(ref _limit);
    }

    /// <summary>Counts the work of a repeated instruction against the budget.</summary>
    internal void Charge(long bytes) => State->Retired += 1 + (bytes / BytesPerInstruction);

    /// <summary>The host address of plain RAM that may be read; null if it must go the slow way. Good to the page's end, whatever the TLB forgets.</summary>
    internal byte* PinForRead(ulong linear)
    {
        TlbEntry* entry = Tlb + ((linear >> 12) & (TlbEntries - 1));
        return entry->ReadTag == (linear & PageMask) || (TryFill(linear, Access.Read) && entry->ReadTag == (linear & PageMask))
            ? (byte*)(linear + (ulong)entry->Addend)
            : null;
    }

    /// <summary>The same for RAM that may be written.</summary>
    internal byte* PinForWrite(ulong linear)
    {
        TlbEntry* entry = Tlb + ((linear >> 12) & (TlbEntries - 1));
        return entry->WriteTag == (linear & PageMask) || (TryFill(linear, Access.Write) && entry->WriteTag == (linear & PageMask))
            ? (byte*)(linear + (ulong)entry->Addend)
            : null;
    }
}
