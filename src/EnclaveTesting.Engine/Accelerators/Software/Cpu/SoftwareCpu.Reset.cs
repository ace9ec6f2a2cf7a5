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
        State->X87Control = 0x37F;
        Load(entry.Registers, entry.System);
    }

    private void WriteSegment(int segment, in SegmentRegister register)
    {
        State->SegmentSelector[segment] = register.Selector;
        State->SegmentBase[segment] = register.Base;
        State->SegmentLimit[segment] = register.Limit;
        State->SegmentAttributes[segment] = register.Attributes;
    }
}
