using System.Runtime.CompilerServices;
using System.Runtime.Intrinsics;

namespace EnclaveTesting.Engine.Accelerators.Software.Cpu;

/// <summary>Accesses to linear addresses, the way instructions make them. False: a fault is pending and nothing has changed.</summary>
internal sealed unsafe partial class SoftwareCpu
{
    private const ulong PageSize = 4096, PageOffset = PageSize - 1, PageMask = ~PageOffset;

    /// <summary>Outside every canonical range: an access there raises #GP, with the second one #SS.</summary>
    private const ulong SegmentViolation = 0x4000_0000_0000_0000, StackViolation = 0x4800_0000_0000_0000;

    /// <summary>The part of the TLB that belongs to the current privilege.</summary>
    internal TlbEntry* Tlb;

    /// <summary>The linear address of an op's memory operand.</summary>
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public ulong Address(Op* op)
    {
        CpuState* state = State;
        ulong address = state->Gpr[op->Base] + (state->Gpr[op->Index] << op->Scale) + (ulong)(long)op->Displacement;
        return op->AddressSize == 8 ? address + state->SegmentBase[op->Segment] : NarrowAddress(op, address, op->OperandSize);
    }

    /// <summary>The effective address of an op's memory operand, without segment, in the address size.</summary>
    public ulong EffectiveAddress(Op* op)
    {
        CpuState* state = State;
        ulong address = state->Gpr[op->Base] + (state->Gpr[op->Index] << op->Scale) + (ulong)(long)op->Displacement;
        return op->AddressSize switch { 8 => address, 4 => (uint)address, _ => (ushort)address };
    }

    /// <summary>The linear address of an op's memory operand, so many bytes further (bit strings, far pointers).</summary>
    public ulong AddressPlus(Op* op, ulong distance)
    {
        CpuState* state = State;
        ulong address = state->Gpr[op->Base] + (state->Gpr[op->Index] << op->Scale) + (ulong)(long)op->Displacement + distance;
        return op->AddressSize == 8 ? address + state->SegmentBase[op->Segment] : NarrowAddress(op, address, op->OperandSize);
    }

    /// <summary>The linear address of an offset in an op's segment, cut to the address size: of string sources and XLAT.</summary>
    public ulong SourceAddress(Op* op, ulong offset, int size) =>
        op->AddressSize == 8 ? offset + State->SegmentBase[op->Segment] : SourceAddressNarrow(op, offset, size);

    /// <summary>The linear address of an offset in ES, cut to the address size: of string destinations.</summary>
    public ulong TargetAddress(Op* op, ulong offset, int size) =>
        op->AddressSize == 8 ? offset : SegmentedAddress(CpuState.Es, op->AddressSize == 4 ? (uint)offset : (ushort)offset, size);

    /// <summary>The linear address of a MOV whose operand is an address in the instruction.</summary>
    public ulong AbsoluteAddress(Op* op, int size) => SourceAddress(op, (ulong)op->Immediate, size);

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

        if (LoadSlow(linear, sizeof(T), Access.Read))
        {
            value = Unsafe.ReadUnaligned<T>(_scratch);
            return true;
        }

        value = default;
        return false;
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

        if (LoadSlow(linear, sizeof(T), Access.Write))
        {
            value = Unsafe.ReadUnaligned<T>(_scratch);
            return true;
        }

        value = default;
        return false;
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

        Unsafe.WriteUnaligned(_scratch, value);
        return StoreSlow(linear, sizeof(T));
    }

    /// <summary>
    /// Where to read and write a value that one instruction reads and writes: in RAM, or a copy that <see cref="EndUpdate"/> stores. Null: a fault is
    /// pending; all faults of the store happen here.
    /// </summary>
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public T* BeginUpdate<T>(ulong linear)
        where T : unmanaged
    {
        TlbEntry* entry = (TlbEntry*)((byte*)Tlb + ((linear >> 7) & ((TlbEntries - 1) << 5)));
        if (entry->WriteTag == ((linear + ((uint)sizeof(T) - 1)) & PageMask))
            return (T*)(linear + (ulong)entry->Addend);
        return LoadSlow(linear, sizeof(T), Access.Write) ? (T*)_scratch : null;
    }

    /// <summary>Ends an update at the place that <see cref="BeginUpdate"/> returned.</summary>
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public bool EndUpdate<T>(ulong linear, T* place)
        where T : unmanaged => place != _scratch || StoreSlow(linear, sizeof(T));

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
        if (bytes.IsEmpty)
            return true;
        if (!TryTranslateRange(linear, bytes.Length, Access.Read, out ulong first, out ulong second, out int onFirst))
            return false;
        fixed (byte* target = bytes)
        {
            ReadPhysical(first, target, onFirst);
            ReadPhysical(second, target + onFirst, bytes.Length - onFirst);
        }

        return true;
    }

    /// <summary>Writes any number of bytes up to a page; all pages are checked before the first byte changes.</summary>
    public bool TryWriteBytes(ulong linear, ReadOnlySpan<byte> bytes)
    {
        if (bytes.IsEmpty)
            return true;
        if (!TryTranslateRange(linear, bytes.Length, Access.Write, out ulong first, out ulong second, out int onFirst))
            return false;
        fixed (byte* source = bytes)
        {
            WritePhysical(first, source, onFirst);
            WritePhysical(second, source + onFirst, bytes.Length - onFirst);
        }

        return true;
    }

    /// <summary>A load by the CPU itself (descriptors, task state): with supervisor rights, whatever the CPL.</summary>
    private bool TryLoadSystem<T>(ulong linear, out T value)
        where T : unmanaged
    {
        TlbEntry* saved = Tlb;
        Tlb = _tlb + TlbEntries;
        bool done = TryLoad(linear, out value);
        Tlb = saved;
        return done;
    }

    /// <summary>A store by the CPU itself.</summary>
    private bool TryStoreSystem<T>(ulong linear, T value)
        where T : unmanaged
    {
        TlbEntry* saved = Tlb;
        Tlb = _tlb + TlbEntries;
        bool done = TryStore(linear, value);
        Tlb = saved;
        return done;
    }

    /// <summary>The linear address of an offset in a segment, outside 64-bit code.</summary>
    [MethodImpl(MethodImplOptions.NoInlining)]
    private ulong NarrowAddress(Op* op, ulong address, int size)
    {
        ulong offset = op->AddressSize == 4 ? (uint)address : (ushort)address;
        return op->Segment == CpuState.NoSegment ? offset : SegmentedAddress(op->Segment, offset, size);
    }

    private ulong SourceAddressNarrow(Op* op, ulong offset, int size)
    {
        offset = op->AddressSize == 4 ? (uint)offset : (ushort)offset;
        return op->Segment == CpuState.NoSegment ? offset : SegmentedAddress(op->Segment, offset, size);
    }

    /// <summary>Segment base plus offset; outside 64-bit mode the limit is checked and the sum wraps at 4 GiB.</summary>
    private ulong SegmentedAddress(int segment, ulong offset, int size)
    {
        CpuState* state = State;
        if ((_mode & CpuMode.CodeSize) == CpuMode.Code64)
            return segment is CpuState.Fs or CpuState.Gs ? state->SegmentBase[segment] + offset : offset;
        uint limit = state->SegmentLimit[segment];
        uint attributes = state->SegmentAttributes[segment];
        ulong last = offset + (uint)Math.Max(size, 1) - 1;
        bool inside;
        if ((attributes & SegmentAttribute.CodeOrExpandDown) == SegmentAttribute.ExpandDown && (_mode & CpuMode.Real) == 0)
            inside = offset > limit && last <= ((attributes & SegmentAttribute.Big) != 0 ? uint.MaxValue : ushort.MaxValue);
        else
            inside = last <= limit || limit == uint.MaxValue;
        if (!inside || (attributes & SegmentAttribute.Unusable) != 0)
            return segment == CpuState.Ss ? StackViolation : SegmentViolation;
        return (uint)(state->SegmentBase[segment] + offset);
    }

    [MethodImpl(MethodImplOptions.NoInlining | Jit.Hot)]
    private bool LoadSlow(ulong linear, int size, Access access)
    {
        if (!TryTranslateRange(linear, size, access, out ulong first, out ulong second, out int onFirst))
            return false;
        ReadPhysical(first, _scratch, onFirst);
        ReadPhysical(second, _scratch + onFirst, size - onFirst);
        return true;
    }

    [MethodImpl(MethodImplOptions.NoInlining | Jit.Hot)]
    private bool StoreSlow(ulong linear, int size)
    {
        if (!TryTranslateRange(linear, size, Access.Write, out ulong first, out ulong second, out int onFirst))
            return false;
        WritePhysical(first, _scratch, onFirst);
        WritePhysical(second, _scratch + onFirst, size - onFirst);
        return true;
    }

    [MethodImpl(Jit.Hot)]
    private bool TryTranslateRange(ulong linear, int size, Access access, out ulong first, out ulong second, out int onFirst)
    {
        first = second = 0;
        onFirst = (int)Math.Min(PageSize - (linear & PageOffset), (uint)size);
        if (!TryTranslate(linear, access, out first))
            return false;
        if (onFirst < size)
        {
            ulong next = (linear & PageMask) + PageSize;
            if ((State->Efer & EferBits.LongModeActive) == 0)
                next = (uint)next;
            if (!TryTranslate(next, access, out second))
                return false;
        }

        if ((_mode & CpuMode.Breakpoints) != 0)
            WatchMemory(linear, size, access);
        return true;
    }

    [MethodImpl(Jit.Hot)]
    private void ReadPhysical(ulong address, byte* target, int size)
    {
        if (size == 0)
            return;
        if (_memory.TryTranslate(address, (ulong)size, out ulong offset))
        {
            Unsafe.CopyBlockUnaligned(target, _memory.HostBase + offset, (uint)size);
            return;
        }

        while (size > 0)
        {
            int piece = size >= 8 ? 8 : size >= 4 ? 4 : size >= 2 ? 2 : 1;
            ulong value = _platform.ReadMmio(address, piece);
            Unsafe.CopyBlockUnaligned(target, &value, (uint)piece);
            address += (uint)piece;
            target += piece;
            size -= piece;
        }
    }

    [MethodImpl(Jit.Hot)]
    private void WritePhysical(ulong address, byte* source, int size)
    {
        if (size == 0)
            return;
        if (_memory.TryTranslate(address, (ulong)size, out ulong offset))
        {
            Unsafe.CopyBlockUnaligned(_memory.HostBase + offset, source, (uint)size);
            _code.Written(offset, (uint)size);
            return;
        }

        while (size > 0)
        {
            int piece = size >= 8 ? 8 : size >= 4 ? 4 : size >= 2 ? 2 : 1;
            ulong value = 0;
            Unsafe.CopyBlockUnaligned(&value, source, (uint)piece);
            _platform.WriteMmio(address, piece, value);
            address += (uint)piece;
            source += piece;
            size -= piece;
        }
    }
}
