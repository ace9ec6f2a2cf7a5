using System.Runtime.InteropServices;
using EnclaveTesting.Engine.Accelerators.Cpuid;
using EnclaveTesting.Engine.Boot;
using EnclaveTesting.Engine.Machine;

namespace EnclaveTesting.Engine.Accelerators.Software.Cpu;

/// <summary>How a CPU begins (SDM vol. 3, table 9-1).</summary>
internal sealed unsafe partial class SoftwareCpu
{
    private const ulong PatAtReset = 0x0007_0406_0007_0406;
    private const ushort X87ControlAtReset = 0x40;
    private const uint MxcsrAtReset = 0x1F80;

    /// <summary>As after power-on or INIT: waiting for a SIPI.</summary>
    public void Reset()
    {
        CpuState* state = State;
        long retired = state->Retired;
        ulong random = state->RandomState;
        NativeMemory.Clear(state, (nuint)sizeof(CpuState));
        state->Retired = retired;
        state->RandomState = random;
        state->SetFlags(0);
        state->Cr0 = ControlBits.Cr0Et | ControlBits.Cr0Cd | ControlBits.Cr0Nw;
        state->Dr[6] = Dr6Fixed;
        state->Dr[7] = Dr7Fixed;
        state->Gpr[2] = CpuidTable.Signature(Template);
        for (int segment = CpuState.Es; segment <= CpuState.Gs; segment++)
            WriteSegment(segment, new SegmentRegister(0, 0, 0xFFFF, RealSegmentAttributes));
        WriteSegment(CpuState.Cs, new SegmentRegister(0xF000, 0xFFFF_0000, 0xFFFF, RealSegmentAttributes | SegmentAttribute.Code));
        WriteSegment(CpuState.Ldtr, new SegmentRegister(0, 0, 0xFFFF, SegmentAttribute.LocalTable | SegmentAttribute.Present));
        WriteSegment(CpuState.Tr, new SegmentRegister(0, 0, 0xFFFF, SegmentAttribute.BusyTss | SegmentAttribute.Present));
        state->GdtrLimit = state->IdtrLimit = 0xFFFF;
        state->Rip = 0xFFF0;
        state->Pat = PatAtReset;
        state->MiscEnable = 1;
        state->MtrrDefaultType = 0xC06;
        state->Mxcsr = MxcsrAtReset;
        state->X87Control = X87ControlAtReset;
        state->Xcr0 = 1;
        state->WaitingForStartUp = 1;
        StateReplaced();
    }

    /// <summary>SIPI: real mode at <paramref name="vector"/> pages. Ignored by a CPU that does not wait for it.</summary>
    public void StartUp(byte vector)
    {
        if (State->WaitingForStartUp == 0)
            return;
        State->WaitingForStartUp = 0;
        WriteSegment(CpuState.Cs, new SegmentRegister((ushort)(vector << 8), (ulong)vector << 12, 0xFFFF, RealSegmentAttributes | SegmentAttribute.Code));
        State->Rip = 0;
        UpdateMode();
    }

    /// <summary>Puts the CPU where a boot loader leaves it.</summary>
    public void Enter(in BootEntry entry)
    {
        Reset();
        CpuState* state = State;
        CpuRegisters r = entry.Registers;
        ReadOnlySpan<ulong> general = [r.Rax, r.Rcx, r.Rdx, r.Rbx, r.Rsp, r.Rbp, r.Rsi, r.Rdi, r.R8, r.R9, r.R10, r.R11, r.R12, r.R13, r.R14, r.R15];
        for (int i = 0; i < general.Length; i++)
            state->Gpr[i] = general[i];
        state->Rip = r.Rip;
        state->SetFlags(r.Rflags);
        CpuSystemRegisters system = entry.System;
        WriteSegment(CpuState.Es, system.Es);
        WriteSegment(CpuState.Cs, system.Cs);
        WriteSegment(CpuState.Ss, system.Ss);
        WriteSegment(CpuState.Ds, system.Ds);
        WriteSegment(CpuState.Fs, system.Fs);
        WriteSegment(CpuState.Gs, system.Gs);
        WriteSegment(CpuState.Ldtr, system.Ldtr);
        WriteSegment(CpuState.Tr, system.Tr);
        state->GdtrBase = system.Gdtr.Base;
        state->GdtrLimit = system.Gdtr.Limit;
        state->IdtrBase = system.Idtr.Base;
        state->IdtrLimit = system.Idtr.Limit;
        state->Cr0 = system.Cr0;
        state->Cr2 = system.Cr2;
        state->Cr3 = system.Cr3;
        state->Cr4 = system.Cr4;
        state->Efer = system.Efer;
        state->Cpl = (byte)(system.Cs.Selector & 3);
        state->X87Control = 0x37F;
        state->WaitingForStartUp = 0;
        StateReplaced();
    }

    private void WriteSegment(int segment, in SegmentRegister register)
    {
        State->SegmentSelector[segment] = register.Selector;
        State->SegmentBase[segment] = register.Base;
        State->SegmentLimit[segment] = register.Limit;
        State->SegmentAttributes[segment] = register.Attributes;
    }
}
