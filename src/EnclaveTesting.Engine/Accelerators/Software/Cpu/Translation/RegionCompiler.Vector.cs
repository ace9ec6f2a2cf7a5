using System.Reflection;
using System.Reflection.Emit;
using System.Runtime.Intrinsics;

namespace EnclaveTesting.Engine.Accelerators.Software.Cpu.Translation;

/// <summary>SSE: the vector registers stay in the state, the host's vector instructions work on them there.</summary>
internal sealed unsafe partial class RegionCompiler
{
    private const int VectorSize = 16;

    private readonly VectorOp[][] _vectors;
    private LocalBuilder? _vector;

    private void EmitVector(int index, VectorOp vector, in Op op)
    {
        switch (vector.Kind)
        {
            case VectorKind.Load when op.Rm == Op.Memory:
                LoadVector(index, vector, op);
                PushXmm(op.Reg);
                _il.Emit(OpCodes.Ldloc, _vector!);
                _il.Emit(OpCodes.Stobj, typeof(Vector128<byte>));
                break;
            case VectorKind.Load:
                CopyXmm(op.Reg, op.Rm);
                break;
            case VectorKind.Store when op.Rm == Op.Memory:
                StoreVector(index, vector, op);
                break;
            case VectorKind.Store:
                CopyXmm(op.Rm, op.Reg);
                break;
            default:
                if (op.Rm == Op.Memory)
                    LoadVector(index, vector, op);
                Type type = typeof(Vector128<>).MakeGenericType(vector.Element!);
                PushXmm(op.Reg);
                PushXmm(op.Reg);
                _il.Emit(OpCodes.Ldobj, type);
                if (op.Rm == Op.Memory)
                    _il.Emit(OpCodes.Ldloca, _vector!);
                else
                    PushXmm(op.Rm);
                _il.Emit(OpCodes.Ldobj, type);
                _il.Emit(OpCodes.Call, VectorMethod(vector.Method, vector.Element!));
                _il.Emit(OpCodes.Stobj, type);
                break;
        }
    }

    private static MethodInfo VectorMethod(string name, Type element) => typeof(Vector128).GetMethods()
        .First(method => method.Name == name && method.GetParameters() is [{ ParameterType.IsGenericType: true }, { ParameterType.IsGenericType: true }])
        .MakeGenericMethod(element);

    private void CopyXmm(byte target, byte source)
    {
        PushXmm(target);
        PushXmm(source);
        _il.Emit(OpCodes.Ldobj, typeof(Vector128<byte>));
        _il.Emit(OpCodes.Stobj, typeof(Vector128<byte>));
    }

    private void PushXmm(byte register) => PushStateAddress(Layout.Xmm + (register * CpuState.VectorStride));

    /// <summary>Loads 16 bytes into the vector's local.</summary>
    private void LoadVector(int index, VectorOp vector, in Op op)
    {
        LocalBuilder local = _vector ??= _il.DeclareLocal(typeof(Vector128<byte>));
        LookUpVector(index, vector, op, ReadTagOffset);
        PushHostAddress();
        _il.Emit(OpCodes.Unaligned, (byte)1);
        _il.Emit(OpCodes.Ldobj, typeof(Vector128<byte>));
        _il.Emit(OpCodes.Stloc, local);
    }

    private void StoreVector(int index, VectorOp vector, in Op op)
    {
        LookUpVector(index, vector, op, WriteTagOffset);
        PushHostAddress();
        PushXmm(op.Reg);
        _il.Emit(OpCodes.Ldobj, typeof(Vector128<byte>));
        _il.Emit(OpCodes.Unaligned, (byte)1);
        _il.Emit(OpCodes.Stobj, typeof(Vector128<byte>));
    }

    private void LookUpVector(int index, VectorOp vector, in Op op, int tag)
    {
        PushAddress(op);
        _il.Emit(OpCodes.Stloc, _address);
        if (vector.Aligned)
        {
            _il.Emit(OpCodes.Ldloc, _address);
            _il.Emit(OpCodes.Ldc_I8, VectorSize - 1L);
            _il.Emit(OpCodes.And);
            _il.Emit(OpCodes.Brtrue, TakeOver(index));
        }

        LookUp(VectorSize, tag, index);
    }
}
