using System.Runtime.CompilerServices;
using System.Runtime.Intrinsics;
using V = System.Runtime.Intrinsics.Vector128<byte>;
using W = System.Runtime.Intrinsics.Vector256<byte>;

namespace EnclaveTesting.Engine.Accelerators.Software.Cpu.Simd;

/// <summary>VEX-encoded instructions that see all 256 bits at once.</summary>
internal static unsafe class WideHandlers
{
    /// <summary>A memory operand brought into 256 bits with zeros above it.</summary>
    internal interface IOperand
    {
        /// <summary>Loads it; false when a fault is pending.</summary>
        static abstract bool TryLoad(SoftwareCpu cpu, Op* op, out W value);
    }

    /// <summary>32 bytes anywhere.</summary>
    public readonly struct Any : IOperand
    {
        [MethodImpl(MethodImplOptions.AggressiveInlining)]
        public static bool TryLoad(SoftwareCpu cpu, Op* op, out W value) => cpu.TryLoad(cpu.Address(op), out value);
    }

    /// <summary>32 bytes at an address that must be divisible by 32, else #GP.</summary>
    public readonly struct Aligned : IOperand
    {
        [MethodImpl(MethodImplOptions.AggressiveInlining)]
        public static bool TryLoad(SoftwareCpu cpu, Op* op, out W value)
        {
            ulong address = cpu.Address(op);
            if ((address & 31) == 0)
                return cpu.TryLoad(address, out value);
            value = default;
            return cpu.RaiseGeneralProtection();
        }
    }

    /// <summary>Up to 16 bytes.</summary>
    public readonly struct Narrow<T> : IOperand
        where T : struct, IVectorOperand
    {
        [MethodImpl(MethodImplOptions.AggressiveInlining)]
        public static bool TryLoad(SoftwareCpu cpu, Op* op, out W value)
        {
            bool loaded = T.TryLoad(cpu, op, out V lower);
            value = Vector256.Create(lower, default);
            return loaded;
        }
    }

    /// <summary>With a register.</summary>
    public static bool Register<T>(SoftwareCpu cpu, Op* op)
        where T : struct, IWideOp
    {
        CpuState* state = cpu.State;
        *Ymm(state, op->Reg) = T.Apply(*Ymm(state, op->Vvvv), *Ymm(state, op->Rm), (int)op->Immediate);
        return true;
    }

    /// <summary>With memory.</summary>
    public static bool Memory<T, TOperand>(SoftwareCpu cpu, Op* op)
        where T : struct, IWideOp
        where TOperand : struct, IOperand
    {
        if (!TOperand.TryLoad(cpu, op, out W value))
            return false;
        CpuState* state = cpu.State;
        *Ymm(state, op->Reg) = T.Apply(*Ymm(state, op->Vvvv), value, (int)op->Immediate);
        return true;
    }

    /// <summary>A conversion of a register.</summary>
    public static bool FloatRegister<T>(SoftwareCpu cpu, Op* op)
        where T : struct, IWideFloatOp => Convert<T>(cpu, op, *Ymm(cpu.State, op->Rm));

    /// <summary>A conversion of memory.</summary>
    public static bool FloatMemory<T, TOperand>(SoftwareCpu cpu, Op* op)
        where T : struct, IWideFloatOp
        where TOperand : struct, IOperand => TOperand.TryLoad(cpu, op, out W value) && Convert<T>(cpu, op, value);

    /// <summary>32 bytes to memory.</summary>
    public static bool Store(SoftwareCpu cpu, Op* op) => cpu.TryStore(cpu.Address(op), *Ymm(cpu.State, op->Reg));

    /// <summary>32 bytes to memory at an address that must be divisible by 32, else #GP.</summary>
    public static bool StoreAligned(SoftwareCpu cpu, Op* op)
    {
        ulong address = cpu.Address(op);
        return (address & 31) == 0 ? cpu.TryStore(address, *Ymm(cpu.State, op->Reg)) : cpu.RaiseGeneralProtection();
    }

    /// <summary>All 256 bits of a register.</summary>
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static W* Ymm(CpuState* state, int number) => (W*)SimdUnit.Xmm(state, number);

    private static bool Convert<T>(SoftwareCpu cpu, Op* op, W value)
        where T : struct, IWideFloatOp
    {
        var context = new FloatContext(cpu.State->Mxcsr);
        W result = T.Apply(value, ref context);
        if (!SimdUnit.Commit(cpu, in context))
            return false;
        *Ymm(cpu.State, op->Reg) = result;
        return true;
    }
}
