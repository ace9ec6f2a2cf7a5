using EnclaveTesting.Engine.Accelerators.Software.Cpu.Integer;
using Iced.Intel;

namespace EnclaveTesting.Engine.Accelerators.Software.Cpu.Privileged;

/// <summary>Far jumps, calls and returns, INT, IRET, SYSCALL, SYSENTER, UD, BOUND.</summary>
internal static unsafe class ControlTransfers
{
    public static void Register(OpTable table)
    {
        table.Add(Code.Jmp_ptr1616, &JumpFar);
        table.Add(Code.Jmp_ptr1632, &JumpFar);
        table.Add(Code.Jmp_m1616, null, &JumpFarMem<ushort>);
        table.Add(Code.Jmp_m1632, null, &JumpFarMem<uint>);
        table.Add(Code.Jmp_m1664, null, &JumpFarMem<ulong>);
        table.Add(Code.Call_ptr1616, &CallFar<ushort>);
        table.Add(Code.Call_ptr1632, &CallFar<uint>);
        table.Add(Code.Call_m1616, null, &CallFarMem<ushort>);
        table.Add(Code.Call_m1632, null, &CallFarMem<uint>);
        table.Add(Code.Call_m1664, null, &CallFarMem<ulong>);
        table.Add(Code.Retfw, &ReturnFar<ushort>);
        table.Add(Code.Retfd, &ReturnFar<uint>);
        table.Add(Code.Retfq, &ReturnFar<ulong>);
        table.Add(Code.Retfw_imm16, &ReturnFar<ushort>);
        table.Add(Code.Retfd_imm16, &ReturnFar<uint>);
        table.Add(Code.Retfq_imm16, &ReturnFar<ulong>);
        table.Add(Code.Iretw, &InterruptReturn<ushort>);
        table.Add(Code.Iretd, &InterruptReturn<uint>);
        table.Add(Code.Iretq, &InterruptReturn<ulong>);
        table.AddLast(Code.Int_imm8, &Interrupt);
        table.AddLast(Code.Int3, &Breakpoint);
        table.AddLast(Code.Int1, &DebugTrap);
        table.AddLast(Code.Into, &IfOverflow);
        table.Add(Code.Bound_r16_m1616, null, &Bound<ushort>);
        table.Add(Code.Bound_r32_m3232, null, &Bound<uint>);
        table.AddLast(Code.Syscall, &SystemCall);
        table.AddLast(Code.Sysretd, &SystemReturn32);
        table.AddLast(Code.Sysretq, &SystemReturn64);
        table.AddLast(Code.Sysenter, &SystemEnter);
        table.AddLast(Code.Sysexitd, &SystemExit32);
        table.AddLast(Code.Sysexitq, &SystemExit64);
        table.AddLast(Code.Ud0, &Undefined);
        table.AddLast(Code.Ud2, &Undefined);
        for (Code code = Code.Ud0_r16_rm16; code <= Code.Ud0_r64_rm64; code++)
            table.AddLast(code, &Undefined);
        for (Code code = Code.Ud1_r16_rm16; code <= Code.Ud1_r64_rm64; code++)
            table.AddLast(code, &Undefined);
    }

    private static bool JumpFar(SoftwareCpu cpu, Op* op) => cpu.FarJump((ushort)(op->Immediate >> 32), (uint)op->Immediate);

    private static bool JumpFarMem<T>(SoftwareCpu cpu, Op* op)
        where T : unmanaged => TryReadPointer<T>(cpu, op, out ushort selector, out ulong offset) && cpu.FarJump(selector, offset);

    private static bool CallFar<T>(SoftwareCpu cpu, Op* op)
        where T : unmanaged => cpu.FarCall(op, (ushort)(op->Immediate >> 32), (uint)op->Immediate, sizeof(T));

    private static bool CallFarMem<T>(SoftwareCpu cpu, Op* op)
        where T : unmanaged => TryReadPointer<T>(cpu, op, out ushort selector, out ulong offset) && cpu.FarCall(op, selector, offset, sizeof(T));

    private static bool ReturnFar<T>(SoftwareCpu cpu, Op* op)
        where T : unmanaged => cpu.FarReturn(sizeof(T), (ushort)op->Immediate);

    private static bool InterruptReturn<T>(SoftwareCpu cpu, Op* op)
        where T : unmanaged => cpu.InterruptReturn(sizeof(T));

    private static bool Interrupt(SoftwareCpu cpu, Op* op) => cpu.SoftwareInterrupt(op, (byte)op->Immediate);

    private static bool Breakpoint(SoftwareCpu cpu, Op* op) => cpu.SoftwareInterrupt(op, ExceptionVector.Breakpoint);

    private static bool DebugTrap(SoftwareCpu cpu, Op* op) => cpu.SoftwareInterrupt(op, ExceptionVector.Debug);

    private static bool IfOverflow(SoftwareCpu cpu, Op* op) =>
        cpu.State->Overflow ? cpu.SoftwareInterrupt(op, ExceptionVector.Overflow) : cpu.EndBlock(op);

    private static bool Bound<T>(SoftwareCpu cpu, Op* op)
        where T : unmanaged
    {
        if (!cpu.TryLoad(cpu.Address(op), out T lower) || !cpu.TryLoad(cpu.AddressPlus(op, (ulong)sizeof(T)), out T upper))
            return false;
        var index = (long)Width.SignExtend(Width.Get<T>(cpu.State, op->Reg));
        bool inside = index >= (long)Width.SignExtend(lower) && index <= (long)Width.SignExtend(upper);
        return inside || cpu.RaiseException(ExceptionVector.BoundRange);
    }

    private static bool SystemCall(SoftwareCpu cpu, Op* op) => cpu.SystemCall(op);

    private static bool SystemReturn32(SoftwareCpu cpu, Op* op) => cpu.SystemReturn(wide: false);

    private static bool SystemReturn64(SoftwareCpu cpu, Op* op) => cpu.SystemReturn(wide: true);

    private static bool SystemEnter(SoftwareCpu cpu, Op* op) => cpu.SystemEnter();

    private static bool SystemExit32(SoftwareCpu cpu, Op* op) => cpu.SystemExit(wide: false);

    private static bool SystemExit64(SoftwareCpu cpu, Op* op) => cpu.SystemExit(wide: true);

    private static bool Undefined(SoftwareCpu cpu, Op* op) => cpu.RaiseUndefined();

    private static bool TryReadPointer<T>(SoftwareCpu cpu, Op* op, out ushort selector, out ulong offset)
        where T : unmanaged
    {
        selector = 0;
        bool done = cpu.TryLoad(cpu.Address(op), out T value) && cpu.TryLoad(cpu.AddressPlus(op, (ulong)sizeof(T)), out selector);
        offset = Width.ZeroExtend(value);
        return done;
    }
}
