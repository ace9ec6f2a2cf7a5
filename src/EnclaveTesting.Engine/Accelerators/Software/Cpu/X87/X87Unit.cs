using System.Runtime.CompilerServices;
using EnclaveTesting.Engine.Accelerators.Software.Cpu.Simd;

namespace EnclaveTesting.Engine.Accelerators.Software.Cpu.X87;

/// <summary>The FPU's register stack, status and exceptions (SDM vol. 1, chapter 8).</summary>
internal static unsafe class X87Unit
{
    /// <summary>Status word: a stack fault.</summary>
    public const ushort StackFault = 1 << 6;

    /// <summary>Status word: an exception that is not masked is pending.</summary>
    public const ushort ErrorSummary = 1 << 7;

    /// <summary>Status word: busy, always the same as <see cref="ErrorSummary"/>.</summary>
    public const ushort Busy = 1 << 15;

    /// <summary>Condition codes.</summary>
    public const ushort C0 = 1 << 8, C1 = 1 << 9, C2 = 1 << 10, C3 = 1 << 14;

    private const int TopShift = 11;
    private const ushort TopMask = 7 << TopShift;
    private const ulong Cr0EmulationOrTaskSwitched = 0xC;
    private const ulong Cr0NumericError = 1 << 5;

    /// <summary>Whether a waiting instruction may run; if not, #NM or #MF is pending. Notes where it is.</summary>
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static bool Begin(SoftwareCpu cpu, Op* op)
    {
        CpuState* state = cpu.State;
        if (((state->Cr0 & Cr0EmulationOrTaskSwitched) | (state->X87Status & (ulong)ErrorSummary)) != 0 && !MayRun(cpu))
            return false;
        state->X87InstructionPointer = state->Rip + op->Offset;
        return true;
    }

    /// <summary>Whether an instruction that does not wait may run; if not, #NM is pending.</summary>
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static bool IsPresent(SoftwareCpu cpu) => (cpu.State->Cr0 & Cr0EmulationOrTaskSwitched) == 0 || cpu.RaiseDeviceNotAvailable();

    /// <summary>Whether a waiting control instruction may run; it leaves the instruction pointer alone.</summary>
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static bool Wait(SoftwareCpu cpu) => IsPresent(cpu) && ((cpu.State->X87Status & ErrorSummary) == 0 || MayRun(cpu));

    /// <summary>The linear address of the memory operand, noted as the data pointer.</summary>
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static ulong Address(SoftwareCpu cpu, Op* op)
    {
        ulong address = cpu.Address(op);
        cpu.State->X87DataPointer = address;
        return address;
    }

    /// <summary>TOP.</summary>
    public static int Top(CpuState* state) => (state->X87Status & TopMask) >> TopShift;

    /// <summary>Moves TOP.</summary>
    public static void Rotate(CpuState* state, int by)
        => state->X87Status = (ushort)((state->X87Status & ~TopMask) | (((Top(state) + by) & 7) << TopShift));

    /// <summary>ST(i) is empty.</summary>
    public static bool IsEmpty(CpuState* state, int index) => (state->X87Tag & (1 << Physical(state, index))) == 0;

    /// <summary>Marks ST(i) empty.</summary>
    public static void Free(CpuState* state, int index) => state->X87Tag &= (ushort)~(1 << Physical(state, index));

    /// <summary>The register behind ST(i): significand, then sign and exponent.</summary>
    public static ulong* Register(CpuState* state, int index) => (ulong*)(state->X87 + (16 * Physical(state, index)));

    /// <summary>ST(i), taken apart.</summary>
    public static FloatParts Load(CpuState* state, int index)
    {
        ulong* register = Register(state, index);
        return FloatFormats.Unpack(register[0], (ushort)register[1]);
    }

    /// <summary>Sets ST(i), no longer empty.</summary>
    public static void Store(CpuState* state, int index, in FloatParts value)
    {
        ulong significand = FloatFormats.PackExtended(in value, out ushort signExponent);
        Store(state, index, significand, signExponent);
    }

    /// <summary>Sets ST(i), no longer empty.</summary>
    public static void Store(CpuState* state, int index, ulong significand, ushort signExponent)
    {
        ulong* register = Register(state, index);
        register[0] = significand;
        register[1] = signExponent;
        state->X87Tag |= (ushort)(1 << Physical(state, index));
    }

    /// <summary>Empties ST(0) and moves TOP up.</summary>
    public static void Pop(CpuState* state)
    {
        Free(state, 0);
        Rotate(state, 1);
    }

    /// <summary>Pushes a value; on a full stack the invalid exception and, if that is masked, the default NaN.</summary>
    public static void Push(CpuState* state, in FloatParts value)
    {
        if (!IsEmpty(state, 7))
        {
            if (!Overflowed(state))
                return;
            Rotate(state, -1);
            Store(state, 0, FloatParts.DefaultNaN);
            return;
        }

        Rotate(state, -1);
        Store(state, 0, in value);
    }

    /// <summary>An empty register was read: the invalid exception. True when it is masked and the default NaN takes the result's place.</summary>
    public static bool Underflowed(CpuState* state)
    {
        state->X87Status = (ushort)(state->X87Status & ~C1 | StackFault);
        return Raise(state, FloatContext.Invalid);
    }

    /// <summary>A push onto a register in use: the invalid exception. True when it is masked.</summary>
    public static bool Overflowed(CpuState* state)
    {
        state->X87Status |= C1 | StackFault;
        return Raise(state, FloatContext.Invalid);
    }

    /// <summary>Notes exceptions; true when all of them are masked.</summary>
    public static bool Raise(CpuState* state, uint exceptions)
    {
        state->X87Status |= (ushort)exceptions;
        if ((exceptions & ~state->X87Control) == 0)
            return true;
        state->X87Status |= ErrorSummary | Busy;
        return false;
    }

    /// <summary>
    /// Notes the exceptions of an operation and C1. False when one that is found before the operation is not masked: then nothing else changes.
    /// </summary>
    public static bool Commit(CpuState* state, in FloatContext context)
    {
        uint early = context.Unmasked & FloatContext.BeforeOperation;
        uint raised = early != 0 ? context.Raised & FloatContext.BeforeOperation : context.Raised;
        SetC1(state, context.RoundedUp && early == 0);
        if (raised != 0)
            Raise(state, raised);
        return early == 0;
    }

    /// <summary>Sets or clears C1.</summary>
    public static void SetC1(CpuState* state, bool value)
        => state->X87Status = (ushort)(value ? state->X87Status | C1 : state->X87Status & ~C1);

    /// <summary>Sets the condition codes.</summary>
    public static void SetConditions(CpuState* state, int conditions)
        => state->X87Status = (ushort)((state->X87Status & ~(C0 | C1 | C2 | C3)) | conditions);

    /// <summary>The control word's masks and rounding for an operation.</summary>
    public static FloatContext Context(CpuState* state)
    {
        uint control = state->X87Control;
        return new FloatContext(((control & 0x3F) << FloatContext.MaskShift) | ((control & 0xC00) << (FloatContext.RoundingShift - 10))) { X87 = true };
    }

    /// <summary>Where the precision control has results rounded to.</summary>
    public static FloatFormat Format(CpuState* state) => ((state->X87Control >> 8) & 3) switch
    {
        0 => FloatFormat.ExtendedToSingle,
        2 => FloatFormat.ExtendedToDouble,
        _ => FloatFormat.Extended,
    };

    private static int Physical(CpuState* state, int index) => ((state->X87Status >> TopShift) + index) & 7;

    // Without CR0.NE the error would come back as an interrupt of the PIC, which nothing here is wired to: it is ignored, as with IGNNE#.
    private static bool MayRun(SoftwareCpu cpu)
    {
        if (!IsPresent(cpu))
            return false;
        return (cpu.State->Cr0 & Cr0NumericError) == 0 || cpu.RaiseX87Error();
    }
}
