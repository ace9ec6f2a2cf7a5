using System.Runtime.CompilerServices;
using System.Runtime.Intrinsics;
using V = System.Runtime.Intrinsics.Vector128<byte>;

namespace EnclaveTesting.Engine.Accelerators.Software.Cpu.Simd;

/// <summary>A memory operand of a vector instruction, brought into a vector with zeros above it.</summary>
internal unsafe interface IVectorOperand
{
    /// <summary>Loads it; false when a fault is pending.</summary>
    static abstract bool TryLoad(SoftwareCpu cpu, Op* op, out V value);
}

/// <summary>The memory operands there are.</summary>
internal static unsafe class VectorOperands
{
    /// <summary>16 bytes at an address that must be divisible by 16, else #GP.</summary>
    public readonly struct Aligned : IVectorOperand
    {
        [MethodImpl(MethodImplOptions.AggressiveInlining)]
        public static bool TryLoad(SoftwareCpu cpu, Op* op, out V value)
        {
            ulong address = cpu.Address(op);
            if ((address & 15) == 0)
                return cpu.TryLoad(address, out value);
            value = default;
            return cpu.RaiseGeneralProtection();
        }
    }

    /// <summary>16 bytes anywhere.</summary>
    public readonly struct Any : IVectorOperand
    {
        [MethodImpl(MethodImplOptions.AggressiveInlining)]
        public static bool TryLoad(SoftwareCpu cpu, Op* op, out V value) => cpu.TryLoad(cpu.Address(op), out value);
    }

    /// <summary>8 bytes.</summary>
    public readonly struct Quadword : IVectorOperand
    {
        [MethodImpl(MethodImplOptions.AggressiveInlining)]
        public static bool TryLoad(SoftwareCpu cpu, Op* op, out V value)
        {
            bool loaded = cpu.TryLoad(cpu.Address(op), out ulong scalar);
            value = Vector128.CreateScalar(scalar).AsByte();
            return loaded;
        }
    }

    /// <summary>4 bytes.</summary>
    public readonly struct Doubleword : IVectorOperand
    {
        [MethodImpl(MethodImplOptions.AggressiveInlining)]
        public static bool TryLoad(SoftwareCpu cpu, Op* op, out V value)
        {
            bool loaded = cpu.TryLoad(cpu.Address(op), out uint scalar);
            value = Vector128.CreateScalar(scalar).AsByte();
            return loaded;
        }
    }

    /// <summary>2 bytes.</summary>
    public readonly struct Word : IVectorOperand
    {
        [MethodImpl(MethodImplOptions.AggressiveInlining)]
        public static bool TryLoad(SoftwareCpu cpu, Op* op, out V value)
        {
            bool loaded = cpu.TryLoad(cpu.Address(op), out ushort scalar);
            value = Vector128.CreateScalar(scalar).AsByte();
            return loaded;
        }
    }

    /// <summary>1 byte.</summary>
    public readonly struct Byte : IVectorOperand
    {
        [MethodImpl(MethodImplOptions.AggressiveInlining)]
        public static bool TryLoad(SoftwareCpu cpu, Op* op, out V value)
        {
            bool loaded = cpu.TryLoad(cpu.Address(op), out byte scalar);
            value = Vector128.CreateScalar(scalar);
            return loaded;
        }
    }
}
