using System.Reflection.Emit;

namespace EnclaveTesting.Engine.Accelerators.Software.Cpu.Translation;

/// <summary>Numbers: what raises no exception is computed here, else the interpreter's handler computes it.</summary>
internal sealed unsafe partial class RegionCompiler
{
    private LocalBuilder? _leftFloat, _rightFloat;

    private void EmitFloat(int index, VectorOp vector, in Op op)
    {
        bool compares = vector.Kind == VectorKind.Compare;
        bool matters = compares && FlagsMatterAfter(_block, index);
        if (vector.Kind != VectorKind.FromInteger)
            LoadOperand(index, vector, op);
        switch (vector.Kind)
        {
            case VectorKind.Float:
                _il.Emit(OpCodes.Ldarg_2);
                PushXmm(op.Reg);
                PushOperand(op);
                _il.Emit(OpCodes.Ldloca, _computed!);
                break;
            case VectorKind.Compare:
                _leftFloat ??= _il.DeclareLocal(typeof(double));
                _rightFloat ??= _il.DeclareLocal(typeof(double));
                PushXmm(op.Reg);
                PushOperand(op);
                _il.Emit(OpCodes.Ldloca, _leftFloat);
                _il.Emit(OpCodes.Ldloca, _rightFloat);
                break;
            case VectorKind.FromInteger:
                PushRm(index, op, vector.IntegerSize);
                _il.Emit(OpCodes.Conv_I8);
                _il.Emit(OpCodes.Stloc, _value64);
                PushXmm(op.Reg);
                _il.Emit(OpCodes.Ldloc, _value64);
                _il.Emit(OpCodes.Ldloca, _computed!);
                break;
            default:
                _il.Emit(OpCodes.Ldarg_2);
                PushOperand(op);
                _il.Emit(OpCodes.Ldloca, _value64);
                break;
        }

        _il.Emit(OpCodes.Call, FloatMethod(vector.Method, vector.Operation));
        Label slow = _il.DefineLabel(), done = _il.DefineLabel();
        _il.Emit(OpCodes.Brfalse, slow);
        if (vector.Kind == VectorKind.ToInteger)
        {
            _il.Emit(OpCodes.Ldloc, _value64);
            SetRegister(op.Reg, 8);
        }
        else if (!compares)
        {
            _il.Emit(OpCodes.Ldloc, _computed!);
            SetXmm(op.Reg);
        }

        _il.MarkLabel(done);
        int block = _block;
        Pending before = _pending;
        if (compares)
            _pending = matters ? new Pending(Operation.FloatCompare, 8) : default;
        _rare.Enqueue(() =>
        {
            _il.MarkLabel(slow);
            (_block, _pending) = (block, before);
            EmitHandler(index);
            if (matters)
            {
                _il.Emit(OpCodes.Ldarg_2);
                _il.Emit(OpCodes.Call, FloatMethod(nameof(TranslatedFloat.Compared)));
                _il.Emit(OpCodes.Stloc, _leftFloat!);
                _il.Emit(OpCodes.Ldc_R8, 0d);
                _il.Emit(OpCodes.Stloc, _rightFloat!);
            }

            _il.Emit(OpCodes.Br, done);
        });
    }

    private void PushCompared()
    {
        _il.Emit(OpCodes.Ldloc, _leftFloat!);
        _il.Emit(OpCodes.Ldloc, _rightFloat!);
    }

    /// <summary>ZF, PF and CF are all set if a NaN was compared.</summary>
    private bool TryBranchAfterFloatCompare(int kind, bool negate, Label target)
    {
        switch (kind)
        {
            case IfBelow:
                PushCompared();
                _il.Emit(negate ? OpCodes.Bge : OpCodes.Blt_Un, target);
                return true;
            case IfBelowOrEqual:
                PushCompared();
                _il.Emit(negate ? OpCodes.Bgt : OpCodes.Ble_Un, target);
                return true;
            case IfEqual:
                BranchUnless(negate, target, () =>
                {
                    PushCompared();
                    return OpCodes.Blt;
                }, () =>
                {
                    PushCompared();
                    return OpCodes.Bgt;
                });
                return true;
            case IfParity:
                BranchUnless(!negate, target, () => PushTwice(_leftFloat!), () => PushTwice(_rightFloat!));
                return true;
            default:
                return false;
        }

        OpCode PushTwice(LocalBuilder local)
        {
            _il.Emit(OpCodes.Ldloc, local);
            _il.Emit(OpCodes.Ldloc, local);
            return OpCodes.Bne_Un;
        }
    }

    /// <summary>Jumps if one of two conditions holds, or, without <paramref name="either"/>, if none does.</summary>
    private void BranchUnless(bool either, Label target, params ReadOnlySpan<Func<OpCode>> conditions)
    {
        Label skip = either ? target : _il.DefineLabel();
        foreach (Func<OpCode> push in conditions)
            _il.Emit(push(), skip);
        if (either)
            return;
        _il.Emit(OpCodes.Br, target);
        _il.MarkLabel(skip);
    }
}
