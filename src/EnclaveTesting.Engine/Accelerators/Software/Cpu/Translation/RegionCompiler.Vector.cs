using System.Reflection;
using System.Reflection.Emit;
using System.Runtime.Intrinsics;
using EnclaveTesting.Engine.Accelerators.Software.Cpu.Simd;

namespace EnclaveTesting.Engine.Accelerators.Software.Cpu.Translation;

/// <summary>SSE: the registers live in locals as the general ones do; the operations are the interpreter's, compiled into the method.</summary>
internal sealed unsafe partial class RegionCompiler
{
    private static readonly Type Vector = typeof(Vector128<byte>);

    private readonly VectorOp[][] _vectors;
    private readonly LocalBuilder?[] _xmm = new LocalBuilder?[16];
    private uint _writtenVectors;
    private LocalBuilder? _operand, _computed;

    private static MicroOp VectorMicroOp(VectorOp vector)
    {
        OperandForm form = vector.Kind switch
        {
            VectorKind.MoveIn or VectorKind.MoveOut or VectorKind.FromInteger => OperandForm.Rm,
            VectorKind.SignBits or VectorKind.ToInteger => OperandForm.RegRm,
            _ => OperandForm.None,
        };
        return new MicroOp(Operation.Vector, form, 8, vector.MayRaise ? 1 : 0);
    }

    private void DeclareVectors()
    {
        uint used = 0;
        for (int block = 0; block < _vectors.Length; block++)
        {
            for (int i = 0; i < _vectors[block].Length; i++)
            {
                (uint touched, uint written) = _vectors[block][i].Registers(_source.Blocks[block].Ops[i]);
                used |= touched;
                _writtenVectors |= written;
            }
        }

        if (!_micro.Any(block => block.Any(micro => micro.Operation == Operation.Vector)))
            return;
        _operand = _il.DeclareLocal(Vector);
        _computed = _il.DeclareLocal(Vector);
        for (int register = 0; register < _xmm.Length; register++)
        {
            if ((used & (1u << register)) != 0)
                _xmm[register] = _il.DeclareLocal(Vector);
        }
    }

    private void ReloadVectors(uint registers)
    {
        for (int register = 0; register < _xmm.Length; register++)
        {
            if ((registers & (1u << register)) == 0 || _xmm[register] is not { } local)
                continue;
            PushStateAddress(Layout.Xmm + (register * CpuState.VectorStride));
            _il.Emit(OpCodes.Ldobj, Vector);
            _il.Emit(OpCodes.Stloc, local);
        }
    }

    /// <summary>Writes vector registers back that are written anywhere in the region.</summary>
    private void SpillVectors(uint registers)
    {
        registers &= _writtenVectors;
        for (int register = 0; register < _xmm.Length; register++)
        {
            if ((registers & (1u << register)) == 0 || _xmm[register] is not { } local)
                continue;
            PushStateAddress(Layout.Xmm + (register * CpuState.VectorStride));
            _il.Emit(OpCodes.Ldloc, local);
            _il.Emit(OpCodes.Stobj, Vector);
        }
    }

    private void EmitVector(int index, VectorOp vector, in Op op)
    {
        switch (vector.Kind)
        {
            case VectorKind.Compute:
                LoadOperand(index, vector, op);
                PushXmm(op.Reg);
                PushOperand(op);
                Apply(op.Rm == Op.Memory ? vector.FromMemory ?? vector.Operation! : vector.Operation!, op.Immediate);
                SetXmm(op.Reg);
                break;
            case VectorKind.ShiftImmediate:
                PushXmm(op.Rm);
                PushXmm(op.Rm);
                Apply(vector.Operation!, op.Immediate);
                SetXmm(op.Rm);
                break;
            case VectorKind.Store or VectorKind.MoveOut when op.Rm == Op.Memory:
                StoreVector(index, vector, op);
                break;
            case VectorKind.Store:
                PushXmm(op.Rm);
                PushXmm(op.Reg);
                Apply(vector.Operation!, 0);
                SetXmm(op.Rm);
                break;
            case VectorKind.MoveIn:
                if (op.Rm == Op.Memory)
                {
                    LoadOperand(index, vector, op);
                    PushOperand(op);
                }
                else
                {
                    PushRegister(op.Rm, vector.Size);
                    Widen(vector.Size);
                }

                SetXmm(op.Reg);
                break;
            case VectorKind.MoveOut:
                PushXmm(op.Reg);
                PushLowest(vector.Size);
                SetRegister(op.Rm, vector.Size);
                break;
            case VectorKind.SignBits:
                PushXmm(op.Rm);
                _il.Emit(OpCodes.Call, FloatMethod(nameof(TranslatedFloat.SignBits)));
                SetRegister(op.Reg, 8);
                break;
            default:
                EmitFloat(index, vector, op);
                break;
        }
    }

    /// <summary>Two vectors on the stack become one.</summary>
    private void Apply(Type operation, long immediate)
    {
        _il.Emit(OpCodes.Ldc_I4, (int)immediate);
        _il.Emit(OpCodes.Call, operation.GetMethod(nameof(IVectorOp.Apply))!);
    }

    private void PushXmm(byte register) => _il.Emit(OpCodes.Ldloc, _xmm[register & 15]!);

    private void SetXmm(byte register) => _il.Emit(OpCodes.Stloc, _xmm[register & 15]!);

    /// <summary>Pushes the operand in ModRM.rm, which has been loaded if it is in memory.</summary>
    private void PushOperand(in Op op)
    {
        if (op.Rm == Op.Memory)
            _il.Emit(OpCodes.Ldloc, _operand!);
        else
            PushXmm(op.Rm);
    }

    /// <summary>Loads an operand in memory into its local, with zeros above it.</summary>
    private void LoadOperand(int index, VectorOp vector, in Op op)
    {
        if (op.Rm != Op.Memory)
            return;
        LookUpVector(index, vector, op, ReadTagOffset);
        PushHostAddress();
        if (vector.Size == sizeof(Vector128<byte>))
        {
            _il.Emit(OpCodes.Unaligned, (byte)1);
            _il.Emit(OpCodes.Ldobj, Vector);
        }
        else
        {
            LoadIndirect(vector.Size);
            Widen(vector.Size);
        }

        _il.Emit(OpCodes.Stloc, _operand!);
    }

    private void StoreVector(int index, VectorOp vector, in Op op)
    {
        LookUpVector(index, vector, op, WriteTagOffset);
        PushHostAddress();
        PushXmm(op.Reg);
        if (vector.Size == sizeof(Vector128<byte>))
        {
            _il.Emit(OpCodes.Unaligned, (byte)1);
            _il.Emit(OpCodes.Stobj, Vector);
            return;
        }

        PushLowest(vector.Size);
        StoreIndirect(vector.Size);
    }

    private void LookUpVector(int index, VectorOp vector, in Op op, int tag)
    {
        PushAddress(op);
        _il.Emit(OpCodes.Stloc, _address);
        if (vector.Aligned)
        {
            _il.Emit(OpCodes.Ldloc, _address);
            _il.Emit(OpCodes.Ldc_I8, vector.Size - 1L);
            _il.Emit(OpCodes.And);
            _il.Emit(OpCodes.Brtrue, TakeOver(index));
        }

        LookUp(vector.Size, tag, index);
    }

    private void Widen(int size) => _il.Emit(OpCodes.Call, FloatMethod(size == 4 ? nameof(TranslatedFloat.Widen4) : nameof(TranslatedFloat.Widen8)));

    private void PushLowest(int size) => _il.Emit(OpCodes.Call, FloatMethod(size == 4 ? nameof(TranslatedFloat.Lowest4) : nameof(TranslatedFloat.Lowest8)));

    private static MethodInfo FloatMethod(string name, Type? operation = null)
    {
        MethodInfo method = typeof(TranslatedFloat).GetMethod(name)!;
        return operation == null ? method : method.MakeGenericMethod(operation);
    }
}
