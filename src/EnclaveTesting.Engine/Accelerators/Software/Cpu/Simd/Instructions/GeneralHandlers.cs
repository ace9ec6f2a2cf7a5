using System.Runtime.CompilerServices;
using System.Runtime.Intrinsics;
using V = System.Runtime.Intrinsics.Vector128<byte>;

namespace EnclaveTesting.Engine.Accelerators.Software.Cpu.Simd;

/// <summary>Instructions between general registers (or memory of such a size) and vector registers, with and without VEX.</summary>
internal static unsafe class GeneralHandlers
{
    /// <summary>With which encoding an instruction comes: what may run, and what happens above 128 bits.</summary>
    internal interface IEncoding
    {
        /// <summary>Whether it may run; if not, the fault is pending.</summary>
        static abstract bool Check(SoftwareCpu cpu);

        /// <summary>The first source.</summary>
        static abstract V First(CpuState* state, Op* op);

        /// <summary>Sets the destination.</summary>
        static abstract void Set(CpuState* state, int register, V value);
    }

    /// <summary>Without VEX.</summary>
    public readonly struct Sse : IEncoding
    {
        [MethodImpl(MethodImplOptions.AggressiveInlining)]
        public static bool Check(SoftwareCpu cpu) => SimdUnit.IsReady(cpu.State) || SimdUnit.Refuse(cpu);

        [MethodImpl(MethodImplOptions.AggressiveInlining)]
        public static V First(CpuState* state, Op* op) => *SimdUnit.Xmm(state, op->Reg);

        [MethodImpl(MethodImplOptions.AggressiveInlining)]
        public static void Set(CpuState* state, int register, V value) => *SimdUnit.Xmm(state, register) = value;
    }

    /// <summary>With VEX. The decoder has checked whether it may run.</summary>
    public readonly struct Vex : IEncoding
    {
        [MethodImpl(MethodImplOptions.AggressiveInlining)]
        public static bool Check(SoftwareCpu cpu) => true;

        [MethodImpl(MethodImplOptions.AggressiveInlining)]
        public static V First(CpuState* state, Op* op) => *SimdUnit.Xmm(state, op->Vvvv);

        [MethodImpl(MethodImplOptions.AggressiveInlining)]
        public static void Set(CpuState* state, int register, V value) => VexHandlers.Store(state, register, value, default);
    }

    /// <summary>MOVD and MOVQ from a general register.</summary>
    public static bool MoveIn<TEncoding, T>(SoftwareCpu cpu, Op* op)
        where TEncoding : struct, IEncoding
        where T : unmanaged
    {
        if (!TEncoding.Check(cpu))
            return false;
        TEncoding.Set(cpu.State, op->Reg, Vector128.CreateScalar(*(T*)&cpu.State->Gpr[op->Rm]).AsByte());
        return true;
    }

    /// <summary>MOVD and MOVQ from memory.</summary>
    public static bool MoveInMemory<TEncoding, T>(SoftwareCpu cpu, Op* op)
        where TEncoding : struct, IEncoding
        where T : unmanaged
    {
        if (!TEncoding.Check(cpu) || !cpu.TryLoad(cpu.Address(op), out T value))
            return false;
        TEncoding.Set(cpu.State, op->Reg, Vector128.CreateScalar(value).AsByte());
        return true;
    }

    /// <summary>MOVD, MOVQ, PEXTRx and EXTRACTPS to a general register: an element, chosen by the immediate, with zeros above.</summary>
    public static bool Extract<TEncoding, T>(SoftwareCpu cpu, Op* op)
        where TEncoding : struct, IEncoding
        where T : unmanaged
    {
        if (!TEncoding.Check(cpu))
            return false;
        cpu.State->Gpr[op->Rm] = Element<T>(cpu.State, op->Reg, op->Immediate);
        return true;
    }

    /// <summary>PEXTRW in its first encoding, where the general register is in ModRM.reg.</summary>
    public static bool ExtractToReg<TEncoding>(SoftwareCpu cpu, Op* op)
        where TEncoding : struct, IEncoding
    {
        if (!TEncoding.Check(cpu))
            return false;
        cpu.State->Gpr[op->Reg] = Element<ushort>(cpu.State, op->Rm, op->Immediate);
        return true;
    }

    /// <summary>MOVD, MOVQ, PEXTRx and EXTRACTPS to memory.</summary>
    public static bool ExtractToMemory<TEncoding, T>(SoftwareCpu cpu, Op* op)
        where TEncoding : struct, IEncoding
        where T : unmanaged
    {
        if (!TEncoding.Check(cpu))
            return false;
        ulong value = Element<T>(cpu.State, op->Reg, op->Immediate);
        return cpu.TryStore(cpu.Address(op), *(T*)&value);
    }

    /// <summary>PINSRx from a general register.</summary>
    public static bool Insert<TEncoding, T>(SoftwareCpu cpu, Op* op)
        where TEncoding : struct, IEncoding
        where T : unmanaged
    {
        if (!TEncoding.Check(cpu))
            return false;
        Put<TEncoding, T>(cpu.State, op, *(T*)&cpu.State->Gpr[op->Rm]);
        return true;
    }

    /// <summary>PINSRx from memory.</summary>
    public static bool InsertFromMemory<TEncoding, T>(SoftwareCpu cpu, Op* op)
        where TEncoding : struct, IEncoding
        where T : unmanaged
    {
        if (!TEncoding.Check(cpu) || !cpu.TryLoad(cpu.Address(op), out T value))
            return false;
        Put<TEncoding, T>(cpu.State, op, value);
        return true;
    }

    /// <summary>MOVMSKPS, MOVMSKPD and PMOVMSKB: the sign bits of the elements.</summary>
    public static bool SignBits<TEncoding, T>(SoftwareCpu cpu, Op* op)
        where TEncoding : struct, IEncoding
        where T : unmanaged
    {
        if (!TEncoding.Check(cpu))
            return false;
        cpu.State->Gpr[op->Reg] = SimdUnit.Xmm(cpu.State, op->Rm)->As<byte, T>().ExtractMostSignificantBits();
        return true;
    }

    /// <summary>The same with 256 bits.</summary>
    public static bool SignBits256<T>(SoftwareCpu cpu, Op* op)
        where T : unmanaged
    {
        V* source = SimdUnit.Xmm(cpu.State, op->Rm);
        cpu.State->Gpr[op->Reg] = source[0].As<byte, T>().ExtractMostSignificantBits()
            | ((ulong)source[1].As<byte, T>().ExtractMostSignificantBits() << (16 / sizeof(T)));
        return true;
    }

    private static ulong Element<T>(CpuState* state, int register, long immediate)
        where T : unmanaged
    {
        T* elements = (T*)SimdUnit.Xmm(state, register);
        ulong value = 0;
        *(T*)&value = elements[immediate & ((16 / sizeof(T)) - 1)];
        return value;
    }

    private static void Put<TEncoding, T>(CpuState* state, Op* op, T value)
        where TEncoding : struct, IEncoding
        where T : unmanaged
    {
        V result = TEncoding.First(state, op);
        ((T*)&result)[op->Immediate & ((16 / sizeof(T)) - 1)] = value;
        TEncoding.Set(state, op->Reg, result);
    }
}
