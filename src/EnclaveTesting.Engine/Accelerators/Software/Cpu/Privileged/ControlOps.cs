using EnclaveTesting.Engine.Accelerators.Cpuid;
using EnclaveTesting.Engine.Accelerators.Software.Cpu.Integer;
using EnclaveTesting.Engine.Accelerators.Software.Cpu.Simd;
using Iced.Intel;

namespace EnclaveTesting.Engine.Accelerators.Software.Cpu.Privileged;

/// <summary>MOV to and from control and debug registers, CLTS, LMSW, SMSW, INVLPG, INVD, WBINVD, XGETBV, XSETBV, HLT.</summary>
internal static unsafe class ControlOps
{
    private const ulong Cr0LowBits = ControlBits.Cr0Mp | ControlBits.Cr0Em | ControlBits.Cr0Ts;

    public static void Register(OpTable table)
    {
        table.Add(Code.Mov_r32_cr, &ReadControl);
        table.Add(Code.Mov_r64_cr, &ReadControl);
        table.AddLast(Code.Mov_cr_r32, &WriteControl);
        table.AddLast(Code.Mov_cr_r64, &WriteControl);
        table.Add(Code.Mov_r32_dr, &ReadDebug);
        table.Add(Code.Mov_r64_dr, &ReadDebug);
        table.AddLast(Code.Mov_dr_r32, &WriteDebug);
        table.AddLast(Code.Mov_dr_r64, &WriteDebug);
        table.AddLast(Code.Clts, &ClearTaskSwitched);
        table.AddLast(Code.Lmsw_rm16, &LoadStatus);
        table.AddLast(Code.Lmsw_r32m16, &LoadStatus);
        table.AddLast(Code.Lmsw_r64m16, &LoadStatus);
        table.Add(Code.Smsw_rm16, &StoreStatus<ushort>, &StoreStatusMem);
        table.Add(Code.Smsw_r32m16, &StoreStatus<uint>, &StoreStatusMem);
        table.Add(Code.Smsw_r64m16, &StoreStatus<ulong>, &StoreStatusMem);
        table.AddLast(Code.Invlpg_m, &InvalidatePage);
        table.Add(Code.Invd, &SupervisorOnly);
        table.Add(Code.Wbinvd, &SupervisorOnly);
        table.Add(Code.Xgetbv, &GetExtendedControl);
        table.AddLast(Code.Xsetbv, &SetExtendedControl);
        table.AddLast(Code.Hlt, &Halt);
    }

    private static bool ReadControl(SoftwareCpu cpu, Op* op)
    {
        if (!cpu.CheckSupervisor())
            return false;
        CpuState* state = cpu.State;
        ulong value;
        switch (op->Reg)
        {
            case 0: value = state->Cr0; break;
            case 2: value = state->Cr2; break;
            case 3: value = state->Cr3; break;
            case 4: value = state->Cr4; break;
            case 8: value = cpu.Platform.ReadTpr(cpu.Index); break;
            default: return cpu.RaiseUndefined();
        }

        state->Gpr[op->Rm] = (cpu.Mode & CpuMode.CodeSize) == CpuMode.Code64 ? value : (uint)value;
        return true;
    }

    private static bool WriteControl(SoftwareCpu cpu, Op* op)
    {
        if (!cpu.CheckSupervisor())
            return false;
        CpuState* state = cpu.State;
        ulong value = (cpu.Mode & CpuMode.CodeSize) == CpuMode.Code64 ? state->Gpr[op->Rm] : (uint)state->Gpr[op->Rm];
        bool done;
        switch (op->Reg)
        {
            case 0:
                done = cpu.WriteCr0(value);
                break;
            case 2:
                state->Cr2 = value;
                done = true;
                break;
            case 3:
                done = cpu.WriteCr3(value);
                break;
            case 4:
                done = cpu.WriteCr4(value);
                break;
            case 8:
                if (value > 15)
                    return cpu.RaiseGeneralProtection();
                cpu.Platform.WriteTpr(cpu.Index, value);
                cpu.LookForInterrupts();
                done = true;
                break;
            default:
                return cpu.RaiseUndefined();
        }

        return done && cpu.EndBlock(op);
    }

    private static bool ReadDebug(SoftwareCpu cpu, Op* op)
    {
        if (!TryFindDebug(cpu, op->Reg, out int number))
            return false;
        ulong value = cpu.State->Dr[number];
        cpu.State->Gpr[op->Rm] = (cpu.Mode & CpuMode.CodeSize) == CpuMode.Code64 ? value : (uint)value;
        return true;
    }

    private static bool WriteDebug(SoftwareCpu cpu, Op* op)
    {
        if (!TryFindDebug(cpu, op->Reg, out int number))
            return false;
        ulong value = cpu.State->Gpr[op->Rm];
        if ((cpu.Mode & CpuMode.CodeSize) != CpuMode.Code64)
            value = (uint)value;
        return cpu.WriteDebug(number, value) && cpu.EndBlock(op);
    }

    private static bool TryFindDebug(SoftwareCpu cpu, int register, out int number)
    {
        number = register;
        if (!cpu.CheckSupervisor())
            return false;
        if (register is 4 or 5)
        {
            if ((cpu.State->Cr4 & ControlBits.Cr4De) != 0)
                return cpu.RaiseUndefined();
            number += 2;
        }

        return register < 8 ? cpu.CheckGeneralDetect() : cpu.RaiseUndefined();
    }

    private static bool ClearTaskSwitched(SoftwareCpu cpu, Op* op)
    {
        if (!cpu.CheckSupervisor())
            return false;
        cpu.State->Cr0 &= ~ControlBits.Cr0Ts;
        cpu.UpdateMode();
        return cpu.EndBlock(op);
    }

    /// <summary>LMSW can set PE but not clear it.</summary>
    private static bool LoadStatus(SoftwareCpu cpu, Op* op)
    {
        if (!cpu.CheckSupervisor() || !Operands.TryRead16(cpu, op, out ushort value))
            return false;
        ulong cr0 = (cpu.State->Cr0 & ~Cr0LowBits) | (value & (Cr0LowBits | ControlBits.Cr0Pe));
        return cpu.WriteCr0(cr0) && cpu.EndBlock(op);
    }

    private static bool StoreStatus<T>(SoftwareCpu cpu, Op* op)
        where T : unmanaged
    {
        if (!cpu.CheckUserMayLook())
            return false;
        Width.Set(cpu.State, op->Rm, Width.Truncate<T>(cpu.State->Cr0));
        return true;
    }

    private static bool StoreStatusMem(SoftwareCpu cpu, Op* op) => cpu.CheckUserMayLook() && cpu.TryStore(cpu.Address(op), (ushort)cpu.State->Cr0);

    private static bool InvalidatePage(SoftwareCpu cpu, Op* op) => cpu.CheckSupervisor() && cpu.InvalidatePage(cpu.Address(op)) && cpu.EndBlock(op);

    private static bool SupervisorOnly(SoftwareCpu cpu, Op* op) => cpu.CheckSupervisor();

    private static bool GetExtendedControl(SoftwareCpu cpu, Op* op)
    {
        CpuState* state = cpu.State;
        if ((state->Cr4 & ControlBits.Cr4Osxsave) == 0)
            return cpu.RaiseUndefined();
        const uint xcr0 = 0, inUse = 1;
        var register = (uint)state->Gpr[1];
        if (register > inUse || (register == inUse && !CpuFeatures.Has(cpu.Template, "xgetbv1")))
            return cpu.RaiseGeneralProtection();
        ulong value = register == xcr0 ? state->Xcr0 : state->Xcr0 & XsaveHandlers.InUse(state);
        state->Gpr[0] = (uint)value;
        state->Gpr[2] = value >> 32;
        return true;
    }

    private static bool SetExtendedControl(SoftwareCpu cpu, Op* op)
    {
        CpuState* state = cpu.State;
        if ((state->Cr4 & ControlBits.Cr4Osxsave) == 0)
            return cpu.RaiseUndefined();
        if (!cpu.CheckSupervisor())
            return false;
        if ((uint)state->Gpr[1] != 0)
            return cpu.RaiseGeneralProtection();
        return cpu.WriteXcr0((state->Gpr[2] << 32) | (uint)state->Gpr[0]) && cpu.EndBlock(op);
    }

    private static bool Halt(SoftwareCpu cpu, Op* op)
    {
        if (!cpu.CheckSupervisor())
            return false;
        cpu.State->Halted = 1;
        return cpu.EndBlock(op);
    }
}
