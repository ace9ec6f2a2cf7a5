using System.Runtime.CompilerServices;
using V = System.Runtime.Intrinsics.Vector128<byte>;

namespace EnclaveTesting.Engine.Accelerators.Software.Cpu.Simd;

/// <summary>What all vector instructions share: whether they may run, their registers, their exceptions (SDM vol. 3, 2.5, 13.1).</summary>
internal static unsafe class SimdUnit
{
    private const ulong Cr0Emulation = 1 << 2;
    private const ulong Cr0TaskSwitched = 1 << 3;
    private const ulong Cr4OsFxsr = 1 << 9;
    private const ulong Cr4OsXmmException = 1 << 10;
    private const ushort X87ErrorSummary = 1 << 7;
    private const ushort X87TopMask = 7 << 11;

    /// <summary>Whether an SSE instruction may run.</summary>
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static bool IsReady(CpuState* state)
        => ((state->Cr0 & (Cr0Emulation | Cr0TaskSwitched)) | (~state->Cr4 & Cr4OsFxsr)) == 0;

    /// <summary>The fault for an SSE instruction that may not run; always false.</summary>
    [MethodImpl(MethodImplOptions.NoInlining)]
    public static bool Refuse(SoftwareCpu cpu)
        => (cpu.State->Cr0 & Cr0Emulation) != 0 || (cpu.State->Cr4 & Cr4OsFxsr) == 0 ? cpu.RaiseUndefined() : cpu.RaiseDeviceNotAvailable();

    /// <summary>Whether an MMX instruction may run.</summary>
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static bool IsMmxReady(CpuState* state)
        => ((state->Cr0 & (Cr0Emulation | Cr0TaskSwitched)) | (state->X87Status & (ulong)X87ErrorSummary)) == 0;

    /// <summary>The fault for an MMX instruction that may not run; always false.</summary>
    [MethodImpl(MethodImplOptions.NoInlining)]
    public static bool RefuseMmx(SoftwareCpu cpu)
    {
        if ((cpu.State->Cr0 & Cr0Emulation) != 0)
            return cpu.RaiseUndefined();
        return (cpu.State->Cr0 & Cr0TaskSwitched) != 0 ? cpu.RaiseDeviceNotAvailable() : cpu.RaiseX87Error();
    }

    /// <summary>The lower 128 bits of a vector register; the next 128 follow.</summary>
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static V* Xmm(CpuState* state, int number) => (V*)(state->Xmm + (number * CpuState.VectorStride));

    /// <summary>An MMX register: the significand of an x87 register.</summary>
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static ulong* Mm(CpuState* state, int number) => (ulong*)(state->X87 + (16 * (number & 7)));

    /// <summary>Stores to an MMX register: the exponent becomes all ones.</summary>
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static void SetMm(CpuState* state, int number, ulong value)
    {
        ulong* register = Mm(state, number);
        register[0] = value;
        register[1] = 0xFFFF;
    }

    /// <summary>What every MMX instruction does to the FPU: TOP becomes 0 and all registers count as in use (SDM vol. 3, 12.2).</summary>
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static void EnterMmx(CpuState* state)
    {
        state->X87Status &= unchecked((ushort)~X87TopMask);
        state->X87Tag = 0xFF;
    }

    /// <summary>Brings the raised exceptions into MXCSR; false, with the fault pending, when one is not masked.</summary>
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static bool Commit(SoftwareCpu cpu, in FloatContext context)
        => (context.Raised & ~context.Control) == 0 && context.Unmasked == 0 || CommitNew(cpu, in context);

    [MethodImpl(MethodImplOptions.NoInlining)]
    private static bool CommitNew(SoftwareCpu cpu, in FloatContext context)
    {
        uint unmasked = context.Unmasked;
        uint raised = context.Raised;
        if ((unmasked & FloatContext.BeforeOperation) != 0)
            raised &= FloatContext.BeforeOperation;
        cpu.State->Mxcsr |= raised;
        if (unmasked == 0)
            return true;
        return (cpu.State->Cr4 & Cr4OsXmmException) != 0 ? cpu.RaiseSimdError() : cpu.RaiseUndefined();
    }
}
