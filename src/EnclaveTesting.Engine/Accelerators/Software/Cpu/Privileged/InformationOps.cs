using EnclaveTesting.Engine.Accelerators.Cpuid;
using EnclaveTesting.Engine.Accelerators.Software.Cpu.Integer;
using Iced.Intel;

namespace EnclaveTesting.Engine.Accelerators.Software.Cpu.Privileged;

/// <summary>CPUID, RDTSC, RDTSCP, RDPID, RDPMC, RDMSR, WRMSR, RDRAND, RDSEED, and what does nothing here: fences, hints, cache lines.</summary>
internal static unsafe class InformationOps
{
    public static void Register(OpTable table)
    {
        table.Add(Code.Cpuid, &Cpuid);
        table.AddLast(Code.Rdtsc, &ReadTimestamp);
        table.AddLast(Code.Rdtscp, &ReadTimestampAndId);
        table.Add(Code.Rdpid_r32, &ReadId);
        table.Add(Code.Rdpid_r64, &ReadId);
        table.Add(Code.Rdpmc, &ReadCounter);
        table.Add(Code.Rdmsr, &ReadMsr);
        table.AddLast(Code.Wrmsr, &WriteMsr);
        AddRandom(table, Code.Rdrand_r16);
        AddRandom(table, Code.Rdseed_r16);
        foreach (Code code in (ReadOnlySpan<Code>)
        [
            Code.Nopw, Code.Nopd, Code.Nopq, Code.Pause, Code.Endbr32, Code.Endbr64, Code.Prefetch_m8, Code.Prefetchw_m8, Code.Prefetchwt1_m8,
            Code.Prefetchnta_m8, Code.Prefetcht0_m8, Code.Prefetcht1_m8, Code.Prefetcht2_m8, Code.Cldemote_m8, Code.Clflush_m8, Code.Clflushopt_m8,
            Code.Clwb_m8, Code.Nop_rm16, Code.Nop_rm32, Code.Nop_rm64,
        ])
            table.Add(code, &Nothing);
        AddNothing(table, Code.Lfence, Code.Sfence_FF);
        AddNothing(table, Code.Reservednop_rm16_r16_0F0D, Code.Reservednop_rm64_r64_0F0D);
        AddNothing(table, Code.Reservednop_rm16_r16_0F18, Code.Reservednop_rm64_r64_0F1F);
        AddNothing(table, Code.Prefetchreserved3_m8, Code.Prefetchreserved7_m8);
    }

    private static bool Nothing(SoftwareCpu cpu, Op* op) => true;

    private static bool Cpuid(SoftwareCpu cpu, Op* op)
    {
        CpuState* state = cpu.State;
        CpuidLeaf leaf = CpuidLeaves.Read(cpu, (uint)state->Gpr[0], (uint)state->Gpr[1]);
        state->Gpr[0] = leaf.Eax;
        state->Gpr[3] = leaf.Ebx;
        state->Gpr[1] = leaf.Ecx;
        state->Gpr[2] = leaf.Edx;
        return true;
    }

    private static bool ReadTimestamp(SoftwareCpu cpu, Op* op)
    {
        CpuState* state = cpu.State;
        if ((state->Cr4 & ControlBits.Cr4Tsd) != 0 && state->Cpl != 0)
            return cpu.RaiseGeneralProtection();
        ulong tsc = cpu.Platform.ReadTsc(cpu.Index);
        state->Gpr[0] = (uint)tsc;
        state->Gpr[2] = tsc >> 32;
        return true;
    }

    private static bool ReadTimestampAndId(SoftwareCpu cpu, Op* op)
    {
        if (!ReadTimestamp(cpu, op))
            return false;
        cpu.State->Gpr[1] = cpu.State->TscAux;
        return true;
    }

    private static bool ReadId(SoftwareCpu cpu, Op* op)
    {
        cpu.State->Gpr[op->Rm] = cpu.State->TscAux;
        return true;
    }

    /// <summary>There are no performance counters.</summary>
    private static bool ReadCounter(SoftwareCpu cpu, Op* op) => cpu.RaiseGeneralProtection();

    private static bool ReadMsr(SoftwareCpu cpu, Op* op)
    {
        CpuState* state = cpu.State;
        if (!cpu.CheckSupervisor() || !cpu.ReadMsr((uint)state->Gpr[1], out ulong value))
            return false;
        state->Gpr[0] = (uint)value;
        state->Gpr[2] = value >> 32;
        return true;
    }

    private static bool WriteMsr(SoftwareCpu cpu, Op* op)
    {
        CpuState* state = cpu.State;
        return cpu.CheckSupervisor() && cpu.WriteMsr((uint)state->Gpr[1], (state->Gpr[2] << 32) | (uint)state->Gpr[0]) && cpu.EndBlock(op);
    }

    private static bool Random<T>(SoftwareCpu cpu, Op* op)
        where T : unmanaged
    {
        Width.Set(cpu.State, op->Rm, Width.Truncate<T>(cpu.NextRandom()));
        cpu.State->SetArithmeticFlags(CpuState.Cf);
        return true;
    }

    private static void AddRandom(OpTable table, Code first)
    {
        table.Add(first, &Random<ushort>);
        table.Add(first + 1, &Random<uint>);
        table.Add(first + 2, &Random<ulong>);
    }

    private static void AddNothing(OpTable table, Code first, Code last)
    {
        for (Code code = first; code <= last; code++)
            table.Add(code, &Nothing);
    }
}
