using System.Reflection;
using System.Reflection.Emit;

namespace EnclaveTesting.Engine.Accelerators.Software.Cpu.Translation;

/// <summary>Memory: the TLB is looked at in place, everything else by calls.</summary>
internal sealed unsafe partial class RegionCompiler
{
    private const int ReadTagOffset = 0, WriteTagOffset = 8, AddendOffset = 16;
    private const long PageMask = ~0xFFFL;

    private static readonly MethodInfo LoadSlow = CpuMethod(nameof(SoftwareCpu.LoadForTranslation));
    private static readonly MethodInfo LoadForStoreSlow = CpuMethod(nameof(SoftwareCpu.LoadForStoreForTranslation));
    private static readonly MethodInfo StoreSlow = CpuMethod(nameof(SoftwareCpu.StoreForTranslation));
    private static readonly MethodInfo BlameStack = CpuMethod(nameof(SoftwareCpu.BlameStack));

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
    private void Load(int size, int index, bool isStack = false)
    {
        _il.Emit(OpCodes.Stloc, _address);
        (Label slow, Label done) = CompareTag(size, ReadTagOffset);
        PushHostAddress();
        LoadIndirect(size);
        _il.Emit(OpCodes.Stloc, Value(size));
        _il.MarkLabel(done);
        RareLoad(slow, done, size, index, LoadSlow, isStack);
    }

    /// <summary>Loads what will be stored back; the local for the host's address is zero if that cannot be done in place.</summary>
    private void LoadForStore(int size, int index)
    {
        _il.Emit(OpCodes.Stloc, _address);
        (Label slow, Label done) = CompareTag(size, WriteTagOffset);
        PushHostAddress();
        _il.Emit(OpCodes.Stloc, _host);
        _il.Emit(OpCodes.Ldloc, _host);
        LoadIndirect(size);
        _il.Emit(OpCodes.Stloc, Value(size));
        _il.MarkLabel(done);
        RareLoad(slow, done, size, index, LoadForStoreSlow, isStack: false);
    }

    private void RareLoad(Label slow, Label done, int size, int index, MethodInfo method, bool isStack)
    {
        int block = _block;
        Pending pending = _pending;
        _rare.Enqueue(() =>
        {
            _il.MarkLabel(slow);
            _il.Emit(OpCodes.Ldc_I8, 0L);
            _il.Emit(OpCodes.Stloc, _host);
            _il.Emit(OpCodes.Ldarg_1);
            _il.Emit(OpCodes.Ldloc, _address);
            _il.Emit(OpCodes.Ldc_I4, size);
            _il.Emit(OpCodes.Ldloc, _retired);
            _il.Emit(OpCodes.Call, method);
            if (size < 8)
                _il.Emit(OpCodes.Conv_U4);
            _il.Emit(OpCodes.Stloc, Value(size));
            _il.Emit(OpCodes.Ldarg_1);
            _il.Emit(OpCodes.Ldfld, PendingVector);
            _il.Emit(OpCodes.Ldc_I4_0);
            _il.Emit(OpCodes.Blt, done);
            if (isStack)
                Blame();
            LeaveByFault(block, index, pending);
        });
    }

    /// <summary>Stores the value's local at the address in the address' local.</summary>
    /// <param name="size">Bytes.</param>
    /// <param name="index">The op.</param>
    /// <param name="isStack">Whether a bad address is the stack's fault.</param>
    /// <param name="dead">What to do instead of going on with the next op where the store has hit the block's own page.</param>
    private void Store(int size, int index, bool isStack = false, Action? dead = null)
    {
        (Label slow, Label done) = CompareTag(size, WriteTagOffset);
        PushHostAddress();
        _il.Emit(OpCodes.Ldloc, Value(size));
        StoreIndirect(size);
        _il.MarkLabel(done);
        RareStore(slow, done, size, index, isStack, dead);
    }

    /// <summary>Stores the value's local where <see cref="LoadForStore"/> took it from.</summary>
    private void StoreBack(int size, int index)
    {
        Label slow = _il.DefineLabel(), done = _il.DefineLabel();
        _il.Emit(OpCodes.Ldloc, _host);
        _il.Emit(OpCodes.Brfalse, slow);
        _il.Emit(OpCodes.Ldloc, _host);
        _il.Emit(OpCodes.Conv_U);
        _il.Emit(OpCodes.Ldloc, Value(size));
        StoreIndirect(size);
        _il.MarkLabel(done);
        RareStore(slow, done, size, index, isStack: false, dead: null);
    }

    private void RareStore(Label slow, Label done, int size, int index, bool isStack, Action? dead)
    {
        int block = _block;
        Pending pending = _pending;
        Label gone = _il.DefineLabel();
        _rare.Enqueue(() =>
        {
            Label fault = _il.DefineLabel();
            _il.MarkLabel(slow);
            _il.Emit(OpCodes.Ldarg_1);
            _il.Emit(OpCodes.Ldloc, _address);
            _il.Emit(OpCodes.Ldloc, Value(size));
            if (size < 8)
                _il.Emit(OpCodes.Conv_U8);
            _il.Emit(OpCodes.Ldc_I4, size);
            _il.Emit(OpCodes.Ldloc, _retired);
            _il.Emit(OpCodes.Call, StoreSlow);
            _il.Emit(OpCodes.Brfalse, fault);
            PushDead(block);
            _il.Emit(OpCodes.Bne_Un, done);
            _il.Emit(OpCodes.Br, gone);
            _il.MarkLabel(fault);
            if (isStack)
                Blame();
            LeaveByFault(block, index, pending);
        });
        if (dead == null)
        {
            LeaveIfDead(gone, block, index, pending);
            return;
        }

        _rare.Enqueue(() =>
        {
            _il.MarkLabel(gone);
            dead();
        });
    }

    private void Blame()
    {
        _il.Emit(OpCodes.Ldarg_1);
        _il.Emit(OpCodes.Ldloc, _address);
        _il.Emit(OpCodes.Call, BlameStack);
        _il.Emit(OpCodes.Pop);
    }

    private (Label Slow, Label Done) CompareTag(int size, int tag)
    {
        Label slow = _il.DefineLabel(), done = _il.DefineLabel();
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
        _il.Emit(OpCodes.Bne_Un, slow);
        return (slow, done);
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
