using System.Runtime.CompilerServices;
using System.Runtime.Intrinsics;

namespace EnclaveTesting.Engine.Accelerators.Software.Cpu;

/// <summary>Accesses to linear addresses, the way instructions make them. False: a fault is pending and nothing has changed.</summary>
internal sealed unsafe partial class SoftwareCpu
{
    private const int TlbEntries = 512;
    private const nuint TlbBytes = 3 * TlbEntries * 32;
    private const ulong PageMask = ~0xFFFUL;

    /// <summary>The part of the TLB that belongs to the current privilege.</summary>
    internal TlbEntry* Tlb { get; private set; }

    /// <summary>The linear address of an op's memory operand.</summary>
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public ulong Address(Op* op)
    {
        CpuState* state = State;
        ulong address = state->Gpr[op->Base] + (state->Gpr[op->Index] << op->Scale) + (ulong)op->Displacement;
        return op->AddressSize == 8 ? address + state->SegmentBase[op->Segment] : AddressNarrow(op, address);
    }

    /// <summary>Loads a value of 1, 2, 4, 8, 16 or 32 bytes.</summary>
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public bool TryLoad<T>(ulong linear, out T value)
        where T : unmanaged
    {
        TlbEntry* entry = (TlbEntry*)((byte*)Tlb + ((linear >> 7) & ((TlbEntries - 1) << 5)));
        if (entry->ReadTag == ((linear + ((uint)sizeof(T) - 1)) & PageMask))
        {
            value = Unsafe.ReadUnaligned<T>((void*)(linear + (ulong)entry->Addend));
            return true;
        }

        return TryLoadSlow(linear, out value);
    }

    /// <summary>Loads a value that the same instruction will store back: all faults of the store happen here.</summary>
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public bool TryLoadForStore<T>(ulong linear, out T value)
        where T : unmanaged
    {
        TlbEntry* entry = (TlbEntry*)((byte*)Tlb + ((linear >> 7) & ((TlbEntries - 1) << 5)));
        if (entry->WriteTag == ((linear + ((uint)sizeof(T) - 1)) & PageMask))
        {
            value = Unsafe.ReadUnaligned<T>((void*)(linear + (ulong)entry->Addend));
            return true;
        }

        return TryLoadForStoreSlow(linear, out value);
    }

    /// <summary>Stores a value of 1, 2, 4, 8, 16 or 32 bytes.</summary>
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public bool TryStore<T>(ulong linear, T value)
        where T : unmanaged
    {
        TlbEntry* entry = (TlbEntry*)((byte*)Tlb + ((linear >> 7) & ((TlbEntries - 1) << 5)));
        if (entry->WriteTag == ((linear + ((uint)sizeof(T) - 1)) & PageMask))
        {
            Unsafe.WriteUnaligned((void*)(linear + (ulong)entry->Addend), value);
            return true;
        }

        return TryStoreSlow(linear, value);
    }

    public bool TryLoad8(ulong linear, out byte value) => TryLoad(linear, out value);

    public bool TryLoad16(ulong linear, out ushort value) => TryLoad(linear, out value);

    public bool TryLoad32(ulong linear, out uint value) => TryLoad(linear, out value);

    public bool TryLoad64(ulong linear, out ulong value) => TryLoad(linear, out value);

    public bool TryLoad128(ulong linear, out Vector128<byte> value) => TryLoad(linear, out value);

    public bool TryLoad256(ulong linear, out Vector256<byte> value) => TryLoad(linear, out value);

    public bool TryStore8(ulong linear, byte value) => TryStore(linear, value);

    public bool TryStore16(ulong linear, ushort value) => TryStore(linear, value);

    public bool TryStore32(ulong linear, uint value) => TryStore(linear, value);

    public bool TryStore64(ulong linear, ulong value) => TryStore(linear, value);

    public bool TryStore128(ulong linear, Vector128<byte> value) => TryStore(linear, value);

    public bool TryStore256(ulong linear, Vector256<byte> value) => TryStore(linear, value);

    /// <summary>Reads any number of bytes up to a page.</summary>
    public bool TryReadBytes(ulong linear, Span<byte> bytes)
    {
        _ = linear;
        bytes.Clear();
        return false;
    }

    /// <summary>Writes any number of bytes up to a page; all pages are checked before the first byte changes.</summary>
    public bool TryWriteBytes(ulong linear, ReadOnlySpan<byte> bytes) => false;

    private ulong AddressNarrow(Op* op, ulong address) => (uint)address + State->SegmentBase[op->Segment];

    [MethodImpl(MethodImplOptions.NoInlining)]
    private bool TryLoadSlow<T>(ulong linear, out T value)
        where T : unmanaged => throw new NotImplementedException();

    [MethodImpl(MethodImplOptions.NoInlining)]
    private bool TryLoadForStoreSlow<T>(ulong linear, out T value)
        where T : unmanaged => throw new NotImplementedException();

    [MethodImpl(MethodImplOptions.NoInlining)]
    private bool TryStoreSlow<T>(ulong linear, T value)
        where T : unmanaged => throw new NotImplementedException();

    private void FlushTlb() => new Span<byte>(Tlb, (int)TlbBytes).Fill(1);
}
