using System.Numerics;
using System.Reflection.Emit;

namespace EnclaveTesting.Engine.Accelerators.Software.Cpu.Translation;

/// <summary>Shifts, rotations and products.</summary>
internal sealed unsafe partial class RegionCompiler
{
    private void EmitShift(int index, MicroOp micro, in Op op)
    {
        int size = micro.Size;
        bool rotates = micro.Operation is Operation.RotateLeft or Operation.RotateRight;
        bool byCount = micro.Form == OperandForm.RmCount;
        int? count = byCount ? null : ShiftCount(micro, op);
        bool matters = FlagsMatterAfter(_block, index);
        if (op.Rm == Op.Memory)
        {
            PushAddress(op);
            LoadForStore(size, index);
        }

        // Nothing is stored, and no flag changes, if the count is zero; a register's upper half is cleared all the same.
        if (count == 0)
        {
            if (op.Rm != Op.Memory)
            {
                PushRegister(op.Rm, size);
                SetRegister(op.Rm, size);
            }

            return;
        }

        // Of rotations some flags stay, and all if the count in CL is zero.
        bool keeps = rotates || byCount;
        if (keeps && matters)
            Materialise();
        else
            _pending = default;
        if (keeps && (matters || size < 4))
        {
            _il.Emit(OpCodes.Ldarg_2);
            PushLoaded(op, size);
            PushCount(count, size);
            _il.Emit(OpCodes.Call, FlagMethod(micro.Operation.ToString(), size));
        }
        else
        {
            PushLoaded(op, size);
            if (matters)
            {
                _il.Emit(OpCodes.Dup);
                _il.Emit(OpCodes.Stloc, Left(size));
                _pending = new Pending(micro.Operation, size, count);
            }

            ShiftBy(micro.Operation, size, count);
            Truncate(size);
        }

        if (op.Rm != Op.Memory)
        {
            SetRegister(op.Rm, size);
            return;
        }

        _il.Emit(OpCodes.Stloc, Value(size));
        StoreBack(size);
    }

    /// <summary>Shifts or rotates what is on the stack, by a count or, with null, by CL. Rotations are of 4 or 8 bytes.</summary>
    private void ShiftBy(Operation operation, int size, int? count)
    {
        if (operation == Operation.ShiftArithmetic)
            SignExtend(size);
        PushCount(count, size);
        if (operation is Operation.RotateLeft or Operation.RotateRight)
        {
            string name = operation == Operation.RotateLeft ? nameof(BitOperations.RotateLeft) : nameof(BitOperations.RotateRight);
            _il.Emit(OpCodes.Call, typeof(BitOperations).GetMethod(name, [size == 8 ? typeof(ulong) : typeof(uint), typeof(int)])!);
            return;
        }

        _il.Emit(operation switch { Operation.ShiftLeft => OpCodes.Shl, Operation.ShiftRight => OpCodes.Shr_Un, _ => OpCodes.Shr });
    }

    private void PushCount(int? count, int size)
    {
        if (count is int constant)
        {
            _il.Emit(OpCodes.Ldc_I4, constant);
            return;
        }

        _il.Emit(OpCodes.Ldloc, _registers[1]!);
        _il.Emit(OpCodes.Conv_I4);
        _il.Emit(OpCodes.Ldc_I4, size == 8 ? 63 : 31);
        _il.Emit(OpCodes.And);
    }

    private void EmitMultiply(int index, MicroOp micro, in Op op)
    {
        int size = micro.Size;
        bool matters = FlagsMatterAfter(_block, index);
        if (op.Rm == Op.Memory)
        {
            PushAddress(op);
            Load(size, index);
        }

        bool byRegister = micro.Form == OperandForm.RegRm;
        if (byRegister)
            PushRegister(op.Reg, size);
        PushLoaded(op, size);
        if (!byRegister)
            PushConstant(op.Immediate, size);
        if (matters)
            KeepOperands(size, stay: true);
        _il.Emit(OpCodes.Mul);
        Truncate(size);
        _pending = matters ? new Pending(Operation.Multiply, size, byRegister ? null : op.Immediate) : default;
        SetRegister(op.Reg, size);
    }
}
