using System.Reflection;
using System.Reflection.Emit;
using System.Runtime.Intrinsics;

namespace EnclaveTesting.Engine.Accelerators.Software.Cpu.Translation;

/// <summary>SSE: the vector registers stay in the state, the host's vector instructions work on them there.</summary>
internal sealed unsafe partial class RegionCompiler
{
    private const int VectorSize = 16;

    private static readonly MethodInfo LoadVectorSlow = CpuMethod(nameof(SoftwareCpu.LoadVectorForTranslation));
    private static readonly MethodInfo StoreVectorSlow = CpuMethod(nameof(SoftwareCpu.StoreVectorForTranslation));

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
        PushAddress(op);
        _il.Emit(OpCodes.Stloc, _address);
        CheckAlignment(index, vector);
        (Label slow, Label done) = CompareTag(VectorSize, ReadTagOffset);
        PushHostAddress();
        _il.Emit(OpCodes.Unaligned, (byte)1);
        _il.Emit(OpCodes.Ldobj, typeof(Vector128<byte>));
        _il.Emit(OpCodes.Stloc, local);
        _il.MarkLabel(done);
        int block = _block;
        Pending pending = _pending;
        _rare.Enqueue(() =>
        {
            _il.MarkLabel(slow);
            _il.Emit(OpCodes.Ldarg_1);
            _il.Emit(OpCodes.Ldloc, _address);
            _il.Emit(OpCodes.Ldloc, _retired);
            _il.Emit(OpCodes.Call, LoadVectorSlow);
            _il.Emit(OpCodes.Stloc, local);
            _il.Emit(OpCodes.Ldarg_1);
            _il.Emit(OpCodes.Ldfld, PendingVector);
            _il.Emit(OpCodes.Ldc_I4_0);
            _il.Emit(OpCodes.Blt, done);
            LeaveByFault(block, index, pending);
        });
    }

    private void StoreVector(int index, VectorOp vector, in Op op)
    {
        byte register = op.Reg;
        PushAddress(op);
        _il.Emit(OpCodes.Stloc, _address);
        CheckAlignment(index, vector);
        (Label slow, Label done) = CompareTag(VectorSize, WriteTagOffset);
        PushHostAddress();
        PushXmm(register);
        _il.Emit(OpCodes.Ldobj, typeof(Vector128<byte>));
        _il.Emit(OpCodes.Unaligned, (byte)1);
        _il.Emit(OpCodes.Stobj, typeof(Vector128<byte>));
        _il.MarkLabel(done);
        int block = _block;
        Pending pending = _pending;
        Label dead = _il.DefineLabel();
        _rare.Enqueue(() =>
        {
            Label fault = _il.DefineLabel();
            _il.MarkLabel(slow);
            _il.Emit(OpCodes.Ldarg_1);
            _il.Emit(OpCodes.Ldloc, _address);
            PushXmm(register);
            _il.Emit(OpCodes.Ldobj, typeof(Vector128<byte>));
            _il.Emit(OpCodes.Ldloc, _retired);
            _il.Emit(OpCodes.Call, StoreVectorSlow);
            _il.Emit(OpCodes.Brfalse, fault);
            PushDead(block);
            _il.Emit(OpCodes.Bne_Un, done);
            _il.Emit(OpCodes.Br, dead);
            _il.MarkLabel(fault);
            LeaveByFault(block, index, pending);
        });
        LeaveIfDead(dead, block, index, pending);
    }

    private void CheckAlignment(int index, VectorOp vector)
    {
        if (!vector.Aligned)
            return;
        int block = _block;
        Pending pending = _pending;
        Label misaligned = _il.DefineLabel();
        _il.Emit(OpCodes.Ldloc, _address);
        _il.Emit(OpCodes.Ldc_I8, VectorSize - 1L);
        _il.Emit(OpCodes.And);
        _il.Emit(OpCodes.Brtrue, misaligned);
        _rare.Enqueue(() =>
        {
            _il.MarkLabel(misaligned);
            _il.Emit(OpCodes.Ldarg_1);
            _il.Emit(OpCodes.Ldc_I4_0);
            _il.Emit(OpCodes.Call, CpuMethod(nameof(SoftwareCpu.RaiseGeneralProtection)));
            _il.Emit(OpCodes.Pop);
            LeaveByFault(block, index, pending);
        });
    }
}
