using System.Reflection.Emit;

namespace EnclaveTesting.Engine.Accelerators.Software.Cpu.Translation;

/// <summary>Memory: the TLB is looked at in place; what it does not answer the interpreter does.</summary>
internal sealed unsafe partial class RegionCompiler
{
    private const int ReadTagOffset = 0, WriteTagOffset = 8, AddendOffset = 16;
    private const long PageMask = ~0xFFFL;

    private LocalBuilder Value(int size) => size == 8 ? _value64 : _value32;

    /// <summary>Pushes the address of an op's memory operand; without the segment's base for LEA.</summary>
    private void PushAddress(in Op op, bool segmented = true)
    {
        long displacement = op.Displacement;
        bool any = false;
        if (op.Base == Op.BlockRip)
        {
            displacement += Current.Distance;
            if (op.Index == CpuState.FarSlot)
                displacement += 1L << 30;
            _il.Emit(OpCodes.Ldloc, _rip);
            any = true;
        }
        else
        {
            if (op.Base != Op.NoRegister)
            {
                _il.Emit(OpCodes.Ldloc, _registers[op.Base]!);
                any = true;
            }

            if (op.Index != Op.NoRegister)
            {
                _il.Emit(OpCodes.Ldloc, _registers[op.Index]!);
                if (op.Scale != 0)
                {
                    _il.Emit(OpCodes.Ldc_I4, (int)op.Scale);
                    _il.Emit(OpCodes.Shl);
                }

                if (any)
                    _il.Emit(OpCodes.Add);
                any = true;
            }
        }

        if (displacement != 0 || !any)
        {
            _il.Emit(OpCodes.Ldc_I8, displacement);
            if (any)
                _il.Emit(OpCodes.Add);
        }

        if (segmented && op.Segment != CpuState.NoSegment)
        {
            LoadState(Layout.SegmentBase + (op.Segment * sizeof(ulong)));
            _il.Emit(OpCodes.Add);
        }
    }

    /// <summary>Loads from the address on the stack into the value's local.</summary>
    private void Load(int size, int index)
    {
        _il.Emit(OpCodes.Stloc, _address);
        LookUp(size, ReadTagOffset, index);
        PushHostAddress();
        LoadIndirect(size);
        _il.Emit(OpCodes.Stloc, Value(size));
    }

    /// <summary>Loads what <see cref="StoreBack"/> will store: the host's address stays in its local.</summary>
    private void LoadForStore(int size, int index)
    {
        _il.Emit(OpCodes.Stloc, _address);
        LookUp(size, WriteTagOffset, index);
        PushHostAddress();
        _il.Emit(OpCodes.Stloc, _host);
        _il.Emit(OpCodes.Ldloc, _host);
        LoadIndirect(size);
        _il.Emit(OpCodes.Stloc, Value(size));
    }

    /// <summary>Stores the value's local at the address in the address' local.</summary>
    private void Store(int size, int index)
    {
        LookUp(size, WriteTagOffset, index);
        PushHostAddress();
        _il.Emit(OpCodes.Ldloc, Value(size));
        StoreIndirect(size);
    }

    /// <summary>Stores the value's local where <see cref="LoadForStore"/> took it from.</summary>
    private void StoreBack(int size)
    {
        _il.Emit(OpCodes.Ldloc, _host);
        _il.Emit(OpCodes.Conv_U);
        _il.Emit(OpCodes.Ldloc, Value(size));
        StoreIndirect(size);
    }

    /// <summary>Finds the TLB's entry for the address in its local; without one that allows the access the interpreter takes the op over.</summary>
    private void LookUp(int size, int tag, int index)
    {
        _il.Emit(OpCodes.Ldloc, _tlb);
        _il.Emit(OpCodes.Ldloc, _address);
        _il.Emit(OpCodes.Ldc_I4, 7);
        _il.Emit(OpCodes.Shr_Un);
        _il.Emit(OpCodes.Ldc_I8, (SoftwareCpu.TlbEntries - 1L) << 5);
        _il.Emit(OpCodes.And);
        _il.Emit(OpCodes.Add);
        _il.Emit(OpCodes.Stloc, _entry);
        PushEntry(tag);
        _il.Emit(OpCodes.Ldloc, _address);
        if (size > 1)
        {
            _il.Emit(OpCodes.Ldc_I8, size - 1L);
            _il.Emit(OpCodes.Add);
        }

        _il.Emit(OpCodes.Ldc_I8, PageMask);
        _il.Emit(OpCodes.And);
        _il.Emit(OpCodes.Bne_Un, TakeOver(index));
    }

    private void PushEntry(int offset)
    {
        _il.Emit(OpCodes.Ldloc, _entry);
        if (offset != 0)
        {
            _il.Emit(OpCodes.Ldc_I8, (long)offset);
            _il.Emit(OpCodes.Add);
        }

        _il.Emit(OpCodes.Conv_U);
        _il.Emit(OpCodes.Ldind_I8);
    }

    private void PushHostAddress()
    {
        _il.Emit(OpCodes.Ldloc, _address);
        PushEntry(AddendOffset);
        _il.Emit(OpCodes.Add);
        _il.Emit(OpCodes.Conv_U);
    }

    private void LoadIndirect(int size)
    {
        _il.Emit(OpCodes.Conv_U);
        if (size > 1)
            _il.Emit(OpCodes.Unaligned, (byte)1);
        _il.Emit(size switch { 1 => OpCodes.Ldind_U1, 2 => OpCodes.Ldind_U2, 4 => OpCodes.Ldind_U4, _ => OpCodes.Ldind_I8 });
    }

    private void StoreIndirect(int size)
    {
        if (size > 1)
            _il.Emit(OpCodes.Unaligned, (byte)1);
        _il.Emit(size switch { 1 => OpCodes.Stind_I1, 2 => OpCodes.Stind_I2, 4 => OpCodes.Stind_I4, _ => OpCodes.Stind_I8 });
    }
}
