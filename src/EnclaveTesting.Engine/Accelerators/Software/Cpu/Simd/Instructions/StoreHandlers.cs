using System.Runtime.Intrinsics;
using V = System.Runtime.Intrinsics.Vector128<byte>;

namespace EnclaveTesting.Engine.Accelerators.Software.Cpu.Simd;

/// <summary>Moves out of vector registers: to memory, with and without VEX, or to the register in ModRM.rm, without.</summary>
internal static unsafe class StoreHandlers
{
    /// <summary>xmm to xmm.</summary>
    public static bool Register<T>(SoftwareCpu cpu, Op* op)
        where T : struct, IVectorOp
    {
        CpuState* state = cpu.State;
        if (!SimdUnit.IsReady(state))
            return SimdUnit.Refuse(cpu);
        V* target = SimdUnit.Xmm(state, op->Rm);
        *target = T.Apply(*target, *SimdUnit.Xmm(state, op->Reg), 0);
        return true;
    }

    /// <summary>16 bytes, aligned.</summary>
    public static bool Aligned<TEncoding>(SoftwareCpu cpu, Op* op)
        where TEncoding : struct, GeneralHandlers.IEncoding
    {
        if (!TEncoding.Check(cpu))
            return false;
        return StoreAligned(cpu, op);
    }

    /// <summary>16 bytes.</summary>
    public static bool Any<TEncoding>(SoftwareCpu cpu, Op* op)
        where TEncoding : struct, GeneralHandlers.IEncoding
    {
        if (!TEncoding.Check(cpu))
            return false;
        CpuState* state = cpu.State;
        return cpu.TryStore(cpu.Address(op), *SimdUnit.Xmm(state, op->Reg));
    }

    /// <summary>The lowest 8 bytes.</summary>
    public static bool Quadword<TEncoding>(SoftwareCpu cpu, Op* op)
        where TEncoding : struct, GeneralHandlers.IEncoding
    {
        if (!TEncoding.Check(cpu))
            return false;
        CpuState* state = cpu.State;
        return cpu.TryStore(cpu.Address(op), *(ulong*)SimdUnit.Xmm(state, op->Reg));
    }

    /// <summary>The upper 8 of 16 bytes.</summary>
    public static bool UpperQuadword<TEncoding>(SoftwareCpu cpu, Op* op)
        where TEncoding : struct, GeneralHandlers.IEncoding
    {
        if (!TEncoding.Check(cpu))
            return false;
        CpuState* state = cpu.State;
        return cpu.TryStore(cpu.Address(op), ((ulong*)SimdUnit.Xmm(state, op->Reg))[1]);
    }

    /// <summary>The lowest 4 bytes.</summary>
    public static bool Doubleword<TEncoding>(SoftwareCpu cpu, Op* op)
        where TEncoding : struct, GeneralHandlers.IEncoding
    {
        if (!TEncoding.Check(cpu))
            return false;
        CpuState* state = cpu.State;
        return cpu.TryStore(cpu.Address(op), *(uint*)SimdUnit.Xmm(state, op->Reg));
    }

    /// <summary>MASKMOVDQU: the bytes whose mask byte is negative, to DS:rDI.</summary>
    public static bool MaskedBytes<TEncoding>(SoftwareCpu cpu, Op* op)
        where TEncoding : struct, GeneralHandlers.IEncoding
    {
        if (!TEncoding.Check(cpu))
            return false;
        CpuState* state = cpu.State;
        return StoreMasked(cpu, ImplicitAddress(cpu, op), *SimdUnit.Xmm(state, op->Reg), *SimdUnit.Xmm(state, op->Rm), 16);
    }

    /// <summary>Bytes chosen by a mask; an access of the whole length is made unless no byte is chosen.</summary>
    public static bool StoreMasked(SoftwareCpu cpu, ulong address, V value, V mask, int length)
    {
        uint chosen = mask.ExtractMostSignificantBits() & ((1U << length) - 1);
        if (chosen == 0)
            return true;
        // The first store of all that may fault is checked before anything changes.
        int first = System.Numerics.BitOperations.TrailingZeroCount(chosen);
        int last = 31 - System.Numerics.BitOperations.LeadingZeroCount(chosen);
        if (!cpu.TryLoadForStore(address + (uint)first, out byte _) || !cpu.TryLoadForStore(address + (uint)last, out byte _))
            return false;
        for (int i = first; i <= last; i++)
        {
            if ((chosen & (1U << i)) != 0 && !cpu.TryStore(address + (uint)i, value[i]))
                return false;
        }

        return true;
    }

    /// <summary>DS:rDI in the address size, the operand of the masked stores.</summary>
    public static ulong ImplicitAddress(SoftwareCpu cpu, Op* op)
    {
        Op copy = *op;
        copy.Base = 7;
        return cpu.Address(&copy);
    }

    /// <summary>16 bytes, aligned, once the instruction may run.</summary>
    public static bool StoreAligned(SoftwareCpu cpu, Op* op)
    {
        ulong address = cpu.Address(op);
        return (address & 15) == 0 ? cpu.TryStore(address, *SimdUnit.Xmm(cpu.State, op->Reg)) : cpu.RaiseGeneralProtection();
    }
}
