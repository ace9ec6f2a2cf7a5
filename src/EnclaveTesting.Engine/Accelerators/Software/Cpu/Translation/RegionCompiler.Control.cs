using System.Reflection.Emit;

namespace EnclaveTesting.Engine.Accelerators.Software.Cpu.Translation;

/// <summary>The stack, and the ways between blocks.</summary>
internal sealed unsafe partial class RegionCompiler
{
    private const int StackRegister = 4, FrameRegister = 5;

    private void EmitStack(int index, MicroOp micro, in Op op)
    {
        switch (micro.Operation)
        {
            case Operation.Push:
                if (micro.Form == OperandForm.RmImmediate)
                {
                    _il.Emit(OpCodes.Ldc_I8, op.Immediate);
                    _il.Emit(OpCodes.Stloc, _value64);
                }
                else if (op.Rm == Op.Memory)
                {
                    PushAddress(op);
                    Load(8, index);
                }
                else
                {
                    PushRegister(op.Rm, 8);
                    _il.Emit(OpCodes.Stloc, _value64);
                }

                PushValue(index);
                break;
            case Operation.Pop:
                _il.Emit(OpCodes.Ldloc, _registers[StackRegister]!);
                Load(8, index);
                MoveStack(8);
                _il.Emit(OpCodes.Ldloc, _value64);
                SetRegister(op.Rm, 8);
                break;
            default:
                _il.Emit(OpCodes.Ldloc, _registers[FrameRegister]!);
                Load(8, index);
                _il.Emit(OpCodes.Ldloc, _registers[FrameRegister]!);
                _il.Emit(OpCodes.Ldc_I8, 8L);
                _il.Emit(OpCodes.Add);
                _il.Emit(OpCodes.Stloc, _registers[StackRegister]!);
                _il.Emit(OpCodes.Ldloc, _value64);
                _il.Emit(OpCodes.Stloc, _registers[FrameRegister]!);
                break;
        }
    }

    /// <summary>Pushes the value's local.</summary>
    private void PushValue(int index)
    {
        _il.Emit(OpCodes.Ldloc, _registers[StackRegister]!);
        _il.Emit(OpCodes.Ldc_I8, 8L);
        _il.Emit(OpCodes.Sub);
        _il.Emit(OpCodes.Stloc, _address);
        Store(8, index);
        MoveStack(-8);
    }

    private void MoveStack(long bytes)
    {
        _il.Emit(OpCodes.Ldloc, _registers[StackRegister]!);
        _il.Emit(OpCodes.Ldc_I8, bytes);
        _il.Emit(OpCodes.Add);
        _il.Emit(OpCodes.Stloc, _registers[StackRegister]!);
    }

    private void EmitControl(int index, MicroOp micro, in Op op)
    {
        SourceBlock source = Current;
        switch (micro.Operation)
        {
            case Operation.Jump or Operation.FallThrough:
                EmitWay(0, source.Taken, op.Immediate);
                break;
            case Operation.JumpIf:
                Label taken = _il.DefineLabel();
                BranchIf(micro.Extra, taken);
                EmitWay(1, source.NotTaken, op.Displacement);
                _il.MarkLabel(taken);
                EmitWay(0, source.Taken, op.Immediate);
                break;
            case Operation.Call:
                PushRip(source.Distance + op.Displacement);
                _il.Emit(OpCodes.Stloc, _value64);
                PushValue(index);
                EmitWay(0, source.Taken, op.Immediate);
                break;
            case Operation.Return:
                _il.Emit(OpCodes.Ldloc, _registers[StackRegister]!);
                Load(8, index);
                MoveStack(8 + op.Immediate);
                EmitReturnWays();
                LeaveFor(_value64);
                break;
            case Operation.JumpIndirect:
                LoadTarget(index, op);
                LeaveFor(_value64);
                break;
            default:
                EmitCallIndirect(index, op);
                break;
        }
    }

    private void EmitCallIndirect(int index, in Op op)
    {
        LoadTarget(index, op);
        LocalBuilder target = _indirect ??= _il.DeclareLocal(typeof(long));
        _il.Emit(OpCodes.Ldloc, _value64);
        _il.Emit(OpCodes.Stloc, target);
        PushRip(Current.Distance + op.Offset + op.Length);
        _il.Emit(OpCodes.Stloc, _value64);
        PushValue(index);
        LeaveFor(target);
    }

    private void LoadTarget(int index, in Op op)
    {
        if (op.Rm == Op.Memory)
        {
            PushAddress(op);
            Load(8, index);
            return;
        }

        PushRegister(op.Rm, 8);
        _il.Emit(OpCodes.Stloc, _value64);
    }

    private void LeaveFor(LocalBuilder target)
    {
        Materialise();
        StoreState(Layout.Gpr(CpuState.RipSlot), () => _il.Emit(OpCodes.Ldloc, target));
        SetNoLink(indirect: true);
        SetResult(_block);
        _il.Emit(OpCodes.Br, _spillAndReturn);
    }

    /// <summary>Returns to blocks of the region: if the CPU would find the same block at the address in the value's local.</summary>
    private void EmitReturnWays()
    {
        Pending pending = _pending;
        Label leave = _il.DefineLabel();
        bool any = false;
        for (int block = 0; block < _source.Blocks.Length; block++)
        {
            if (!_source.Blocks[block].FollowsCall)
                continue;
            any = true;
            Label other = _il.DefineLabel();
            _il.Emit(OpCodes.Ldloc, _value64);
            PushRip(_source.Blocks[block].Distance);
            _il.Emit(OpCodes.Bne_Un, other);
            CheckLimit(leave);
            CheckJump(block, leave);
            Enter(block, pending);
            _il.MarkLabel(other);
        }

        if (any)
            _il.MarkLabel(leave);
    }

    /// <summary>Leaves unless the entry of the CPU's jump cache for the address in the value's local has a block.</summary>
    private void CheckJump(int block, Label leave)
    {
        _il.Emit(OpCodes.Ldarg_1);
        _il.Emit(OpCodes.Ldfld, Jumps);
        _il.Emit(OpCodes.Ldloc, _value64);
        _il.Emit(OpCodes.Ldloc, _value64);
        _il.Emit(OpCodes.Ldc_I4, 12);
        _il.Emit(OpCodes.Shr_Un);
        _il.Emit(OpCodes.Xor);
        _il.Emit(OpCodes.Ldc_I8, SoftwareCpu.JumpEntries - 1L);
        _il.Emit(OpCodes.And);
        _il.Emit(OpCodes.Ldc_I8, (long)sizeof(SoftwareCpu.JumpEntry));
        _il.Emit(OpCodes.Mul);
        _il.Emit(OpCodes.Add);
        _il.Emit(OpCodes.Stloc, _entry);
        PushEntry(0);
        _il.Emit(OpCodes.Ldloc, _value64);
        _il.Emit(OpCodes.Bne_Un, leave);
        PushEntry(8);
        PushBlock(block);
        _il.Emit(OpCodes.Bne_Un, leave);
        PushEntry(16);
        PushGeneration();
        _il.Emit(OpCodes.Bne_Un, leave);
        PushEntry(24);
        _il.Emit(OpCodes.Conv_U4);
        _il.Emit(OpCodes.Ldc_I4, (int)_source.Mode);
        _il.Emit(OpCodes.Bne_Un, leave);
    }

    /// <summary>Leaves unless a link holds and leads to a block of the region.</summary>
    private void CheckLink(int link, int next, Label leave)
    {
        PushLink(_block, link);
        _il.Emit(OpCodes.Conv_U);
        _il.Emit(OpCodes.Ldind_I8);
        PushBlock(next);
        _il.Emit(OpCodes.Bne_Un, leave);
        PushLink(_block, link);
        _il.Emit(OpCodes.Ldc_I8, (long)sizeof(nint));
        _il.Emit(OpCodes.Add);
        _il.Emit(OpCodes.Conv_U);
        _il.Emit(OpCodes.Ldind_I8);
        PushGeneration();
        _il.Emit(OpCodes.Bne_Un, leave);
    }

    private void PushGeneration()
    {
        _il.Emit(OpCodes.Ldarg_1);
        _il.Emit(OpCodes.Ldfld, Generation);
    }

    private void PushLink(int block, int link)
    {
        PushBlock(block);
        _il.Emit(OpCodes.Ldc_I8, (long)(sizeof(Block) + (_source.Blocks[block].Ops.Length * sizeof(Op)) + (link * sizeof(Link))));
        _il.Emit(OpCodes.Add);
    }

    private void CheckLimit(Label leave)
    {
        _il.Emit(OpCodes.Ldloc, _retired);
        _il.Emit(OpCodes.Ldarg_1);
        _il.Emit(OpCodes.Volatile);
        _il.Emit(OpCodes.Ldfld, Limit);
        _il.Emit(OpCodes.Bge, leave);
    }

    private void Enter(int next, Pending pending)
    {
        if (_inherits[next])
            _inherited[next] = pending;
        else if (_needsFlags[next])
            EmitFlags(pending);
        _il.Emit(OpCodes.Ldloc, _retired);
        _il.Emit(OpCodes.Ldc_I8, (long)_source.Blocks[next].Instructions);
        _il.Emit(OpCodes.Add);
        _il.Emit(OpCodes.Stloc, _retired);
        _il.Emit(OpCodes.Br, _starts[next]);
    }

    /// <summary>On to the next block: in the region, if it is there and the limit allows it.</summary>
    private void EmitWay(int link, SourceWay way, long distance)
    {
        int block = _block;
        Pending pending = _pending;
        Label leave = _il.DefineLabel();
        if (way.IsOut)
        {
            _il.Emit(OpCodes.Br, leave);
        }
        else
        {
            CheckLimit(leave);
            if (way.Guarded)
                CheckLink(link, way.Block, leave);
            Enter(way.Block, pending);
        }

        _rare.Enqueue(() =>
        {
            _il.MarkLabel(leave);
            MaterialiseRarely(pending);
            StoreRip(_source.Blocks[block].Distance + distance);
            _il.Emit(OpCodes.Ldarg_1);
            PushLink(block, link);
            _il.Emit(OpCodes.Conv_U);
            _il.Emit(OpCodes.Stfld, LinkField);
            SetResult(block);
            _il.Emit(OpCodes.Br, _spillAndReturn);
        });
    }

    private LocalBuilder? _indirect;
}
