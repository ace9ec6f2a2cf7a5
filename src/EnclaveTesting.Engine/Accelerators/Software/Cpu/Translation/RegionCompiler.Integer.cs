using System.Buffers.Binary;
using System.Reflection.Emit;

namespace EnclaveTesting.Engine.Accelerators.Software.Cpu.Translation;

/// <summary>Moves and arithmetic. Values of 8 bytes are on the stack as int64, shorter ones as int32, 1 and 2 bytes zero-extended.</summary>
internal sealed unsafe partial class RegionCompiler
{
    private void EmitInteger(int index, MicroOp micro, in Op op)
    {
        switch (micro.Operation)
        {
            case Operation.Move:
                EmitMove(index, micro, op);
                break;
            case Operation.ZeroExtend or Operation.SignExtend:
                EmitExtension(index, micro, op);
                break;
            case Operation.LoadAddress:
                PushAddress(op, segmented: false);
                if (micro.Size == 4)
                    _il.Emit(OpCodes.Conv_U4);
                SetRegister(op.Reg, micro.Size);
                break;
            case Operation.Increment or Operation.Decrement:
                Materialise();
                EmitUnary(index, micro, op, micro.Operation == Operation.Increment ? OpCodes.Add : OpCodes.Sub);
                break;
            case Operation.Negate or Operation.Complement:
                EmitUnary(index, micro, op, micro.Operation == Operation.Negate ? OpCodes.Neg : OpCodes.Not);
                break;
            case Operation.ShiftLeft or Operation.ShiftRight or Operation.ShiftArithmetic or Operation.RotateLeft or Operation.RotateRight:
                EmitShift(index, micro, op);
                break;
            case Operation.Multiply:
                EmitMultiply(index, micro, op);
                break;
            case Operation.SetIf:
                EmitSetIf(index, micro, op);
                break;
            case Operation.MoveIf:
                EmitMoveIf(index, micro, op);
                break;
            case Operation.Exchange:
                EmitExchange(index, micro, op);
                break;
            case Operation.SwapBytes:
                PushRegister(op.Rm, micro.Size);
                _il.Emit(OpCodes.Call, typeof(BinaryPrimitives).GetMethod(nameof(BinaryPrimitives.ReverseEndianness), [micro.Size == 8 ? typeof(ulong) : typeof(uint)])!);
                SetRegister(op.Rm, micro.Size);
                break;
            case Operation.ExtendAccumulator:
                PushRegister(0, micro.Extra);
                _il.Emit(micro.Size == 8 ? OpCodes.Conv_I8 : OpCodes.Conv_I2);
                SetRegister(0, micro.Size);
                break;
            case Operation.ExtendIntoData:
                PushRegister(0, micro.Size);
                _il.Emit(OpCodes.Ldc_I4, (8 * micro.Size) - 1);
                _il.Emit(OpCodes.Shr);
                SetRegister(2, micro.Size);
                break;
            default:
                EmitArithmetic(index, micro, op);
                break;
        }
    }

    private void EmitMove(int index, MicroOp micro, in Op op)
    {
        bool toRm = micro.Form != OperandForm.RegRm;
        if (toRm)
        {
            if (op.Rm == Op.Memory)
            {
                PushAddress(op);
                _il.Emit(OpCodes.Stloc, _address);
                PushSource(micro, op);
                _il.Emit(OpCodes.Stloc, Value(micro.Size));
                Store(micro.Size, index);
                return;
            }

            PushSource(micro, op);
            SetRegister(op.Rm, micro.Size);
            return;
        }

        PushRm(index, op, micro.Size);
        SetRegister(op.Reg, micro.Size);
    }

    private void EmitExtension(int index, MicroOp micro, in Op op)
    {
        PushRm(index, op, micro.Extra);
        if (micro.Operation == Operation.SignExtend)
            SignExtend(micro.Extra);
        if (micro.Size == 8)
            _il.Emit(micro.Operation == Operation.SignExtend ? OpCodes.Conv_I8 : OpCodes.Conv_U8);
        Truncate(micro.Size);
        SetRegister(op.Reg, micro.Size);
    }

    private void EmitArithmetic(int index, MicroOp micro, in Op op)
    {
        int size = micro.Size;
        bool writes = micro.Operation is not (Operation.Compare or Operation.Test);
        bool toMemory = micro.Form is OperandForm.RmReg or OperandForm.RmImmediate && op.Rm == Op.Memory;
        bool matters = FlagsMatterAfter(_block, index);
        if (micro.Operation is Operation.AddWithCarry or Operation.SubtractWithBorrow)
            Materialise();

        // Memory first: a fault finds the flags of before.
        if (op.Rm == Op.Memory && micro.Form != OperandForm.AccumulatorImmediate)
        {
            PushAddress(op);
            if (toMemory && writes)
                LoadForStore(size, index);
            else
                Load(size, index);
        }

        bool isClear = micro.Operation is Operation.ExclusiveOr && op.Rm == op.Reg && micro.Form is OperandForm.RmReg or OperandForm.RegRm && size >= 4;
        if (isClear)
            PushConstant(0, size);
        else
            PushLeftAndRight(micro, op, size);
        EmitResult(micro, op, size, matters, isClear);
        if (!writes)
            return;
        if (toMemory)
        {
            _il.Emit(OpCodes.Stloc, Value(size));
            StoreBack(size);
        }
        else
        {
            SetRegister(micro.Form == OperandForm.AccumulatorImmediate ? (byte)0 : micro.Form == OperandForm.RegRm ? op.Reg : op.Rm, size);
        }
    }

    private void PushLeftAndRight(MicroOp micro, in Op op, int size)
    {
        switch (micro.Form)
        {
            case OperandForm.RegRm:
                PushRegister(op.Reg, size);
                PushLoaded(op, size);
                break;
            case OperandForm.AccumulatorImmediate:
                PushRegister(0, size);
                PushConstant(op.Immediate, size);
                break;
            default:
                PushLoaded(op, size);
                PushSource(micro, op);
                break;
        }
    }

    /// <summary>From the operands on the stack to the result, if the operation has one, and to pending flags, if they matter.</summary>
    private void EmitResult(MicroOp micro, in Op op, int size, bool matters, bool isClear)
    {
        bool isImmediate = micro.Form is OperandForm.RmImmediate or OperandForm.AccumulatorImmediate;
        long? constant = isImmediate ? op.Immediate : null;
        switch (micro.Operation)
        {
            case Operation.Add or Operation.Subtract or Operation.Compare:
                bool writes = micro.Operation != Operation.Compare;
                if (matters)
                    KeepOperands(size, writes);
                if (matters)
                    _pending = new Pending(micro.Operation == Operation.Add ? Operation.Add : Operation.Subtract, size, constant);
                else
                    _pending = default;
                if (writes)
                {
                    _il.Emit(micro.Operation == Operation.Add ? OpCodes.Add : OpCodes.Sub);
                    Truncate(size);
                }
                else if (!matters)
                {
                    _il.Emit(OpCodes.Pop);
                    _il.Emit(OpCodes.Pop);
                }

                break;
            case Operation.AddWithCarry or Operation.SubtractWithBorrow:
                EmitWithCarry(micro.Operation == Operation.AddWithCarry, size);
                break;
            default:
                if (!isClear)
                    _il.Emit(micro.Operation switch { Operation.Or => OpCodes.Or, Operation.ExclusiveOr => OpCodes.Xor, _ => OpCodes.And });
                bool keeps = micro.Operation != Operation.Test;
                if (matters && keeps)
                    _il.Emit(OpCodes.Dup);
                if (matters)
                    _il.Emit(OpCodes.Stloc, Left(size));
                else if (!keeps)
                    _il.Emit(OpCodes.Pop);
                _pending = matters ? new Pending(Operation.And, size) : default;
                break;
        }
    }

    /// <summary>Copies the two operands on the stack to the locals of pending flags.</summary>
    private void KeepOperands(int size, bool stay)
    {
        _il.Emit(OpCodes.Stloc, Right(size));
        _il.Emit(OpCodes.Stloc, Left(size));
        if (!stay)
            return;
        _il.Emit(OpCodes.Ldloc, Left(size));
        _il.Emit(OpCodes.Ldloc, Right(size));
    }

    private void EmitWithCarry(bool add, int size)
    {
        // Flags come with the result.
        _il.Emit(OpCodes.Stloc, Right(size));
        _il.Emit(OpCodes.Stloc, Left(size));
        _il.Emit(OpCodes.Ldarg_2);
        _il.Emit(OpCodes.Ldloc, Left(size));
        _il.Emit(OpCodes.Ldloc, Right(size));
        _il.Emit(OpCodes.Call, FlagMethod(add ? nameof(TranslatedFlags.AddWithCarry) : nameof(TranslatedFlags.SubtractWithBorrow), size));
    }

    private void EmitUnary(int index, MicroOp micro, in Op op, OpCode operation)
    {
        int size = micro.Size;
        if (op.Rm == Op.Memory)
        {
            PushAddress(op);
            LoadForStore(size, index);
        }

        PushLoaded(op, size);
        if (micro.Operation is Operation.Increment or Operation.Decrement)
        {
            // They keep CF, so the flags of before are in the state.
            _il.Emit(OpCodes.Dup);
            _il.Emit(OpCodes.Stloc, Left(size));
            PushConstant(1, size);
            _pending = new Pending(micro.Operation, size);
        }
        else if (micro.Operation == Operation.Negate)
        {
            _il.Emit(OpCodes.Dup);
            _il.Emit(OpCodes.Stloc, Right(size));
            PushConstant(0, size);
            _il.Emit(OpCodes.Stloc, Left(size));
            _pending = new Pending(Operation.Subtract, size);
        }

        _il.Emit(operation);
        Truncate(size);
        if (op.Rm != Op.Memory)
        {
            SetRegister(op.Rm, size);
            return;
        }

        _il.Emit(OpCodes.Stloc, Value(size));
        StoreBack(size);
    }

    private void EmitSetIf(int index, MicroOp micro, in Op op)
    {
        Label holds = _il.DefineLabel(), done = _il.DefineLabel();
        BranchIf(micro.Extra, holds);
        _il.Emit(OpCodes.Ldc_I4_0);
        _il.Emit(OpCodes.Stloc, _value32);
        _il.Emit(OpCodes.Br, done);
        _il.MarkLabel(holds);
        _il.Emit(OpCodes.Ldc_I4_1);
        _il.Emit(OpCodes.Stloc, _value32);
        _il.MarkLabel(done);
        if (op.Rm == Op.Memory)
        {
            PushAddress(op);
            _il.Emit(OpCodes.Stloc, _address);
            Store(1, index);
            return;
        }

        _il.Emit(OpCodes.Ldloc, _value32);
        SetRegister(op.Rm, 1);
    }

    private void EmitMoveIf(int index, MicroOp micro, in Op op)
    {
        int size = micro.Size;
        Label skip = _il.DefineLabel();
        if (op.Rm == Op.Memory)
        {
            PushAddress(op);
            Load(size, index);
        }

        // 32 bits clear the upper half even if nothing is moved.
        if (size == 4)
        {
            PushRegister(op.Reg, 4);
            SetRegister(op.Reg, 4);
        }

        BranchIf(micro.Extra ^ 1, skip);
        PushLoaded(op, size);
        SetRegister(op.Reg, size);
        _il.MarkLabel(skip);
    }

    private void EmitExchange(int index, MicroOp micro, in Op op)
    {
        int size = micro.Size;
        byte other = micro.Form == OperandForm.AccumulatorRm ? (byte)0 : op.Reg;
        if (op.Rm != Op.Memory)
        {
            PushRegister(op.Rm, size);
            _il.Emit(OpCodes.Stloc, Value(size));
            PushRegister(other, size);
            SetRegister(op.Rm, size);
            _il.Emit(OpCodes.Ldloc, Value(size));
            SetRegister(other, size);
            return;
        }

        PushAddress(op);
        LoadForStore(size, index);
        LocalBuilder loaded = size == 8 ? _exchange64 ??= _il.DeclareLocal(typeof(long)) : _exchange32 ??= _il.DeclareLocal(typeof(int));
        _il.Emit(OpCodes.Ldloc, Value(size));
        _il.Emit(OpCodes.Stloc, loaded);
        PushRegister(other, size);
        _il.Emit(OpCodes.Stloc, Value(size));
        _il.Emit(OpCodes.Ldloc, loaded);
        SetRegister(other, size);
        StoreBack(size);
    }

    private LocalBuilder? _exchange32, _exchange64;

    /// <summary>Pushes the operand of ModRM.rm, loading it if it is in memory.</summary>
    private void PushRm(int index, in Op op, int size)
    {
        if (op.Rm == Op.Memory)
        {
            PushAddress(op);
            Load(size, index);
        }

        PushLoaded(op, size);
    }

    /// <summary>Pushes the operand of ModRM.rm, which has been loaded if it is in memory.</summary>
    private void PushLoaded(in Op op, int size)
    {
        if (op.Rm == Op.Memory)
            _il.Emit(OpCodes.Ldloc, Value(size));
        else
            PushRegister(op.Rm, size);
    }

    /// <summary>Pushes ModRM.reg or the immediate.</summary>
    private void PushSource(MicroOp micro, in Op op)
    {
        if (micro.Form == OperandForm.RmReg)
            PushRegister(op.Reg, micro.Size);
        else
            PushConstant(op.Immediate, micro.Size);
    }

    private void PushRegister(byte register, int size)
    {
        _il.Emit(OpCodes.Ldloc, _registers[register & 15]!);
        if (register >= 16)
        {
            _il.Emit(OpCodes.Ldc_I4_8);
            _il.Emit(OpCodes.Shr_Un);
        }

        switch (size)
        {
            case 1:
                _il.Emit(OpCodes.Conv_U1);
                break;
            case 2:
                _il.Emit(OpCodes.Conv_U2);
                break;
            case 4:
                _il.Emit(OpCodes.Conv_U4);
                break;
        }
    }

    /// <summary>Pops a value into a register: 32 bits clear the upper half, 8 and 16 leave the rest.</summary>
    private void SetRegister(byte register, int size)
    {
        LocalBuilder local = _registers[register & 15]!;
        if (size == 8)
        {
            _il.Emit(OpCodes.Stloc, local);
            return;
        }

        if (size == 2)
            _il.Emit(OpCodes.Conv_U2);
        _il.Emit(OpCodes.Conv_U8);
        if (size < 4)
        {
            long mask = size == 2 ? 0xFFFF : 0xFF;
            if (register >= 16)
            {
                _il.Emit(OpCodes.Ldc_I4_8);
                _il.Emit(OpCodes.Shl);
                mask <<= 8;
            }

            _il.Emit(OpCodes.Ldloc, local);
            _il.Emit(OpCodes.Ldc_I8, ~mask);
            _il.Emit(OpCodes.And);
            _il.Emit(OpCodes.Or);
        }

        _il.Emit(OpCodes.Stloc, local);
    }
}
