using Iced.Intel;

namespace EnclaveTesting.Engine.Accelerators.Software.Cpu.Integer;

/// <summary>CLC, STC, CMC, CLD, STD, CLI, STI, LAHF, SAHF, SALC, CLAC, STAC.</summary>
internal static unsafe class FlagOps
{
    public static void Register(OpTable table)
    {
        table.Add(Code.Clc, &Clc);
        table.Add(Code.Stc, &Stc);
        table.Add(Code.Cmc, &Cmc);
        table.Add(Code.Cld, &Cld);
        table.Add(Code.Std, &Std);
        table.Add(Code.Cli, &Cli);
        table.Add(Code.Sti, &Sti);
        table.Add(Code.Lahf, &Lahf);
        table.Add(Code.Sahf, &Sahf);
        table.Add(Code.Salc, &Salc);
        table.Add(Code.Clac, &Clac);
        table.Add(Code.Stac, &Stac);
    }

    /// <summary>STI with the next instruction in the same block, which ends behind that: the shadow needs no keeping.</summary>
    public static bool Sti(SoftwareCpu cpu, Op* op)
    {
        if (!MayChangeInterrupts(cpu))
            return cpu.RaiseGeneralProtection();
        if ((cpu.State->OtherFlags & CpuState.If) == 0)
        {
            cpu.State->OtherFlags |= CpuState.If;
            cpu.LookForInterrupts();
        }

        return true;
    }

    /// <summary>STI at the end of a block.</summary>
    public static bool StiAlone(SoftwareCpu cpu, Op* op)
    {
        if (!MayChangeInterrupts(cpu))
            return cpu.RaiseGeneralProtection();
        bool casts = (cpu.State->OtherFlags & CpuState.If) == 0;
        cpu.State->OtherFlags |= CpuState.If;
        if (!casts || (cpu.Mode & CpuMode.SingleStep) != 0)
            return true;
        cpu.State->InterruptShadow = 1;
        cpu.Advance(op);
        cpu.UpdateMode();
        return cpu.EndJump();
    }

    private static bool Cli(SoftwareCpu cpu, Op* op)
    {
        if (!MayChangeInterrupts(cpu))
            return cpu.RaiseGeneralProtection();
        cpu.State->OtherFlags &= ~CpuState.If;
        return true;
    }

    private static bool Clc(SoftwareCpu cpu, Op* op)
    {
        cpu.State->SetCarry(false);
        return true;
    }

    private static bool Stc(SoftwareCpu cpu, Op* op)
    {
        cpu.State->SetCarry(true);
        return true;
    }

    private static bool Cmc(SoftwareCpu cpu, Op* op)
    {
        cpu.State->SetCarry(!cpu.State->Carry);
        return true;
    }

    private static bool Cld(SoftwareCpu cpu, Op* op)
    {
        cpu.State->OtherFlags &= ~CpuState.Df;
        return true;
    }

    private static bool Std(SoftwareCpu cpu, Op* op)
    {
        cpu.State->OtherFlags |= CpuState.Df;
        return true;
    }

    private static bool Lahf(SoftwareCpu cpu, Op* op)
    {
        const int ah = 16;
        Width.Set(cpu.State, ah, (byte)cpu.State->GetFlags());
        return true;
    }

    private static bool Sahf(SoftwareCpu cpu, Op* op)
    {
        CpuState* state = cpu.State;
        state->SetArithmeticFlags((byte)(state->Gpr[0] >> 8) | (state->Overflow ? CpuState.Of : 0));
        return true;
    }

    private static bool Salc(SoftwareCpu cpu, Op* op)
    {
        Width.Set(cpu.State, 0, cpu.State->Carry ? byte.MaxValue : (byte)0);
        return true;
    }

    private static bool Clac(SoftwareCpu cpu, Op* op) => SetAlignmentCheck(cpu, 0);

    private static bool Stac(SoftwareCpu cpu, Op* op) => SetAlignmentCheck(cpu, CpuState.Ac);

    private static bool SetAlignmentCheck(SoftwareCpu cpu, ulong value)
    {
        if (cpu.State->Cpl != 0)
            return cpu.RaiseUndefined();
        cpu.State->OtherFlags = (cpu.State->OtherFlags & ~CpuState.Ac) | value;
        cpu.SelectTlb();
        return true;
    }

    private static bool MayChangeInterrupts(SoftwareCpu cpu)
    {
        CpuState* state = cpu.State;
        return (state->Cr0 & ControlBits.Cr0Pe) == 0 || state->Cpl <= (int)((state->OtherFlags & CpuState.Iopl) >> 12);
    }
}
