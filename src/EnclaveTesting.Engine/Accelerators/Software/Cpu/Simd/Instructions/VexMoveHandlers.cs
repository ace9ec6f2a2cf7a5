using V = System.Runtime.Intrinsics.Vector128<byte>;

namespace EnclaveTesting.Engine.Accelerators.Software.Cpu.Simd;

/// <summary>VEX-encoded moves into the register in ModRM.rm, of halves, and of zeros.</summary>
internal static unsafe class VexMoveHandlers
{
    /// <summary>xmm, (xmm,) xmm: from ModRM.reg.</summary>
    public static bool ToRm<T>(SoftwareCpu cpu, Op* op)
        where T : struct, IVectorOp
    {
        CpuState* state = cpu.State;
        VexHandlers.Store(state, op->Rm, T.Apply(*SimdUnit.Xmm(state, op->Vvvv), *SimdUnit.Xmm(state, op->Reg), 0), default);
        return true;
    }

    /// <summary>ymm, ymm: from ModRM.reg.</summary>
    public static bool ToRm256(SoftwareCpu cpu, Op* op)
    {
        *WideHandlers.Ymm(cpu.State, op->Rm) = *WideHandlers.Ymm(cpu.State, op->Reg);
        return true;
    }

    /// <summary>VEXTRACTF128, VEXTRACTI128.</summary>
    public static bool ExtractHalf(SoftwareCpu cpu, Op* op)
    {
        V half = SimdUnit.Xmm(cpu.State, op->Reg)[op->Immediate & 1];
        VexHandlers.Store(cpu.State, op->Rm, half, default);
        return true;
    }

    /// <summary>VEXTRACTF128, VEXTRACTI128 to memory.</summary>
    public static bool ExtractHalfToMemory(SoftwareCpu cpu, Op* op)
        => cpu.TryStore(cpu.Address(op), SimdUnit.Xmm(cpu.State, op->Reg)[op->Immediate & 1]);

    /// <summary>VZEROUPPER.</summary>
    public static bool ZeroUpper(SoftwareCpu cpu, Op* op)
    {
        for (int i = 0; i < StateImage.VectorCount(cpu.State); i++)
            SimdUnit.Xmm(cpu.State, i)[1] = default;
        return true;
    }

    /// <summary>VZEROALL.</summary>
    public static bool ZeroAll(SoftwareCpu cpu, Op* op)
    {
        for (int i = 0; i < StateImage.VectorCount(cpu.State); i++)
            *WideHandlers.Ymm(cpu.State, i) = default;
        return true;
    }
}
