using System.Reflection;
using System.Reflection.Emit;

namespace EnclaveTesting.Engine.Accelerators.Software.Cpu.Translation;

/// <summary>Flags: kept as operands in locals until somebody wants them; conditions compare those operands where they can.</summary>
internal sealed unsafe partial class RegionCompiler
{
    private const int IfOverflow = 0, IfBelow = 1, IfEqual = 2, IfBelowOrEqual = 3, IfSign = 4, IfParity = 5, IfLess = 6, IfLessOrEqual = 7;

    private readonly LocalBuilder _left32, _right32, _left64, _right64;

    private static MethodInfo FlagMethod(string name, int size) =>
        typeof(TranslatedFlags).GetMethod(name)!.MakeGenericMethod(size switch { 1 => typeof(byte), 2 => typeof(ushort), 4 => typeof(uint), _ => typeof(ulong) });

    private static bool ReadsFlags(MicroOp micro) => micro.Operation is Operation.AddWithCarry or Operation.SubtractWithBorrow or Operation.Increment or Operation.Decrement
        or Operation.SetIf or Operation.MoveIf or Operation.JumpIf or Operation.RotateLeft or Operation.RotateRight
        || (micro.Form == OperandForm.RmCount);

    private static bool WritesAllFlags(MicroOp micro, in Op op) => micro.Operation switch
    {
        Operation.Add or Operation.Or or Operation.And or Operation.Subtract or Operation.ExclusiveOr or Operation.Compare or Operation.Test
            or Operation.Negate or Operation.Multiply => true,
        Operation.ShiftLeft or Operation.ShiftRight or Operation.ShiftArithmetic => micro.Form == OperandForm.RmImmediate && ShiftCount(micro, op) != 0,
        _ => false,
    };

    private static int ShiftCount(MicroOp micro, in Op op) => (int)op.Immediate & (micro.Size == 8 ? 63 : 31);

    /// <summary>Whether anybody can see the flags that are set when an op ends: before others replace them something uses them, faults or leaves.</summary>
    private bool FlagsMatterAfter(int block, int index)
    {
        MicroOp[] micro = _micro[block];
        Op[] ops = _source.Blocks[block].Ops;
        for (int i = index + 1; i < micro.Length; i++)
        {
            if (micro[i].Operation == Operation.Handler || ReadsFlags(micro[i]) || MayFault(micro[i], ops[i]))
                return true;
            if (WritesAllFlags(micro[i], ops[i]))
                return false;
        }

        return true;
    }

    private static bool MayFault(MicroOp micro, in Op op) => micro.Operation switch
    {
        Operation.Push or Operation.Pop or Operation.Leave or Operation.Call or Operation.CallIndirect or Operation.Return => true,
        Operation.LoadAddress or Operation.Nothing => false,
        Operation.Vector => op.Rm == Op.Memory || micro.Extra != 0,
        _ => op.Rm == Op.Memory,
    };

    /// <summary>Puts pending flags into the state.</summary>
    private void Materialise()
    {
        EmitFlags(_pending);
        _pending = default;
    }

    private void MaterialiseRarely(Pending pending) => EmitFlags(pending);

    private void EmitFlags(Pending pending)
    {
        if (pending.IsNone)
            return;
        _il.Emit(OpCodes.Ldarg_2);
        if (pending.Operation == Operation.FloatCompare)
        {
            PushCompared();
            _il.Emit(OpCodes.Call, FloatMethod(nameof(TranslatedFloat.SetFlags)));
            return;
        }

        PushLeft(pending);
        switch (pending.Operation)
        {
            case Operation.Add:
                PushRight(pending);
                _il.Emit(OpCodes.Call, FlagMethod(nameof(TranslatedFlags.Add), pending.Size));
                break;
            case Operation.Subtract:
                PushRight(pending);
                _il.Emit(OpCodes.Call, FlagMethod(nameof(TranslatedFlags.Subtract), pending.Size));
                break;
            case Operation.Increment:
                _il.Emit(OpCodes.Call, FlagMethod(nameof(TranslatedFlags.Increment), pending.Size));
                break;
            case Operation.Decrement:
                _il.Emit(OpCodes.Call, FlagMethod(nameof(TranslatedFlags.Decrement), pending.Size));
                break;
            case Operation.ShiftLeft or Operation.ShiftRight or Operation.ShiftArithmetic:
                _il.Emit(OpCodes.Ldc_I4, (int)pending.Constant!);
                _il.Emit(OpCodes.Call, FlagMethod(pending.Operation.ToString(), pending.Size));
                _il.Emit(OpCodes.Pop);
                break;
            case Operation.Multiply:
                PushRight(pending);
                _il.Emit(OpCodes.Call, FlagMethod(nameof(TranslatedFlags.Multiply), pending.Size));
                _il.Emit(OpCodes.Pop);
                break;
            default:
                _il.Emit(OpCodes.Call, FlagMethod(nameof(TranslatedFlags.Logic), pending.Size));
                break;
        }
    }

    private LocalBuilder Left(int size) => size == 8 ? _left64 : _left32;

    private LocalBuilder Right(int size) => size == 8 ? _right64 : _right32;

    private void PushLeft(Pending pending) => _il.Emit(OpCodes.Ldloc, Left(pending.Size));

    private void PushRight(Pending pending)
    {
        if (pending.Constant is long constant)
            PushConstant(constant, pending.Size);
        else
            _il.Emit(OpCodes.Ldloc, Right(pending.Size));
    }

    private void PushConstant(long value, int size)
    {
        if (size == 8)
            _il.Emit(OpCodes.Ldc_I8, value);
        else
            _il.Emit(OpCodes.Ldc_I4, size switch { 1 => (byte)value, 2 => (ushort)value, _ => (int)value });
    }

    /// <summary>Jumps if a condition, numbered as in opcodes, holds.</summary>
    private void BranchIf(int condition, Label target)
    {
        int kind = condition >> 1;
        bool negate = (condition & 1) != 0;
        if (TryBranchByOperands(kind, negate, target))
            return;
        Materialise();
        switch (kind)
        {
            case IfOverflow:
                PushOverflowSign();
                BranchIfNegative(negate, target);
                break;
            case IfBelow:
                LoadState(Layout.FlagCarry);
                BranchIfNegative(negate, target);
                break;
            case IfEqual:
                LoadState(Layout.FlagZero);
                _il.Emit(negate ? OpCodes.Brtrue : OpCodes.Brfalse, target);
                break;
            case IfBelowOrEqual:
                BranchIfEither(() => LoadState(Layout.FlagCarry), negate, target);
                break;
            case IfSign:
                LoadState(Layout.FlagSign);
                BranchIfNegative(negate, target);
                break;
            case IfParity:
                _il.Emit(OpCodes.Ldarg_2);
                _il.Emit(OpCodes.Call, typeof(TranslatedFlags).GetMethod(nameof(TranslatedFlags.Parity))!);
                _il.Emit(negate ? OpCodes.Brfalse : OpCodes.Brtrue, target);
                break;
            case IfLess:
                PushLessSign();
                BranchIfNegative(negate, target);
                break;
            default:
                BranchIfEither(PushLessSign, negate, target);
                break;
        }
    }

    private void PushOverflowSign()
    {
        LoadState(Layout.FlagCarry);
        LoadState(Layout.FlagCarry);
        _il.Emit(OpCodes.Ldc_I4_1);
        _il.Emit(OpCodes.Shl);
        _il.Emit(OpCodes.Xor);
    }

    private void PushLessSign()
    {
        PushOverflowSign();
        LoadState(Layout.FlagSign);
        _il.Emit(OpCodes.Xor);
    }

    private void BranchIfNegative(bool negate, Label target)
    {
        _il.Emit(OpCodes.Ldc_I8, 0L);
        _il.Emit(negate ? OpCodes.Bge : OpCodes.Blt, target);
    }

    /// <summary>ZF or the sign of what is pushed.</summary>
    private void BranchIfEither(Action push, bool negate, Label target)
    {
        Label skip = negate ? _il.DefineLabel() : target;
        LoadState(Layout.FlagZero);
        _il.Emit(OpCodes.Brfalse, skip);
        push();
        BranchIfNegative(negate, target);
        if (negate)
            _il.MarkLabel(skip);
    }

    /// <summary>A condition that the kept operands tell without flags.</summary>
    private bool TryBranchByOperands(int kind, bool negate, Label target)
    {
        Pending pending = _pending;
        switch (pending.Operation)
        {
            case Operation.Subtract:
                return TryBranchAfterSubtract(pending, kind, negate, target);
            case Operation.FloatCompare:
                return TryBranchAfterFloatCompare(kind, negate, target);
            case Operation.And:
                return TryBranchAfterLogic(pending, kind, negate, target);
            case Operation.Add when kind is IfEqual or IfSign or IfBelow:
                PushSum(pending, OpCodes.Add, () => PushRight(pending), isSigned: kind == IfSign);
                if (kind == IfBelow)
                {
                    PushLeft(pending);
                    _il.Emit(negate ? OpCodes.Bge_Un : OpCodes.Blt_Un, target);
                    return true;
                }

                CompareWithZero(pending.Size, kind == IfEqual ? (negate ? OpCodes.Bne_Un : OpCodes.Beq) : negate ? OpCodes.Bge : OpCodes.Blt, target);
                return true;
            case Operation.ShiftLeft or Operation.ShiftRight or Operation.ShiftArithmetic:
                return TryBranchAfterShift(pending, kind, negate, target);
            case Operation.Increment or Operation.Decrement when kind is IfEqual or IfSign:
                PushSum(pending, pending.Operation == Operation.Increment ? OpCodes.Add : OpCodes.Sub, () => PushConstant(1, pending.Size), isSigned: kind == IfSign);
                CompareWithZero(pending.Size, kind == IfEqual ? (negate ? OpCodes.Bne_Un : OpCodes.Beq) : negate ? OpCodes.Bge : OpCodes.Blt, target);
                return true;
            default:
                return false;
        }
    }

    private bool TryBranchAfterSubtract(Pending pending, int kind, bool negate, Label target)
    {
        OpCode branch;
        switch (kind)
        {
            case IfSign:
                PushSum(pending, OpCodes.Sub, () => PushRight(pending), isSigned: true);
                CompareWithZero(pending.Size, negate ? OpCodes.Bge : OpCodes.Blt, target);
                return true;
            case IfBelow:
                branch = negate ? OpCodes.Bge_Un : OpCodes.Blt_Un;
                break;
            case IfEqual:
                branch = negate ? OpCodes.Bne_Un : OpCodes.Beq;
                break;
            case IfBelowOrEqual:
                branch = negate ? OpCodes.Bgt_Un : OpCodes.Ble_Un;
                break;
            case IfLess:
                branch = negate ? OpCodes.Bge : OpCodes.Blt;
                break;
            case IfLessOrEqual:
                branch = negate ? OpCodes.Bgt : OpCodes.Ble;
                break;
            default:
                return false;
        }

        bool isSigned = kind is IfLess or IfLessOrEqual;
        PushLeft(pending);
        if (isSigned)
            SignExtend(pending.Size);
        PushRight(pending);
        if (isSigned)
            SignExtend(pending.Size);
        _il.Emit(branch, target);
        return true;
    }

    private bool TryBranchAfterLogic(Pending pending, int kind, bool negate, Label target)
    {
        if (kind == IfParity)
            return false;
        if (kind is IfBelow or IfOverflow)
        {
            if (negate)
                _il.Emit(OpCodes.Br, target);
            return true;
        }

        PushLeft(pending);
        if (kind is IfEqual or IfBelowOrEqual)
        {
            CompareWithZero(pending.Size, negate ? OpCodes.Bne_Un : OpCodes.Beq, target);
            return true;
        }

        SignExtend(pending.Size);
        CompareWithZero(pending.Size, kind == IfLessOrEqual ? (negate ? OpCodes.Bgt : OpCodes.Ble) : negate ? OpCodes.Bge : OpCodes.Blt, target);
        return true;
    }

    private bool TryBranchAfterShift(Pending pending, int kind, bool negate, Label target)
    {
        var count = (int)pending.Constant!;
        if (kind is IfEqual or IfSign)
        {
            PushLeft(pending);
            ShiftBy(pending.Operation, pending.Size, count);
            if (kind == IfSign)
                SignExtend(pending.Size);
            else
                Truncate(pending.Size);
            CompareWithZero(pending.Size, kind == IfEqual ? (negate ? OpCodes.Bne_Un : OpCodes.Beq) : negate ? OpCodes.Bge : OpCodes.Blt, target);
            return true;
        }

        // The last bit that was shifted out.
        if (kind != IfBelow || pending.Operation == Operation.ShiftLeft)
            return false;
        PushLeft(pending);
        if (count > 1)
            ShiftBy(pending.Operation, pending.Size, count - 1);
        _il.Emit(OpCodes.Conv_I4);
        _il.Emit(OpCodes.Ldc_I4_1);
        _il.Emit(OpCodes.And);
        _il.Emit(negate ? OpCodes.Brfalse : OpCodes.Brtrue, target);
        return true;
    }

    private void PushSum(Pending pending, OpCode operation, Action right, bool isSigned)
    {
        PushLeft(pending);
        right();
        _il.Emit(operation);
        if (isSigned)
            SignExtend(pending.Size);
        else
            Truncate(pending.Size);
    }

    private void CompareWithZero(int size, OpCode branch, Label target)
    {
        if (size == 8)
            _il.Emit(OpCodes.Ldc_I8, 0L);
        else
            _il.Emit(OpCodes.Ldc_I4_0);
        _il.Emit(branch, target);
    }

    /// <summary>Cuts what is on the stack to 1 or 2 bytes; wider ones are right already.</summary>
    private void Truncate(int size)
    {
        if (size < 4)
            _il.Emit(size == 1 ? OpCodes.Conv_U1 : OpCodes.Conv_U2);
    }

    private void SignExtend(int size)
    {
        if (size < 4)
            _il.Emit(size == 1 ? OpCodes.Conv_I1 : OpCodes.Conv_I2);
    }
}
