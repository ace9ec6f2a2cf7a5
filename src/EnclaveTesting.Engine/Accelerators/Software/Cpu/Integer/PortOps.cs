using System.Runtime.CompilerServices;
using Iced.Intel;

namespace EnclaveTesting.Engine.Accelerators.Software.Cpu.Integer;

/// <summary>IN, OUT, INS, OUTS.</summary>
internal static unsafe class PortOps
{
    private const int Accumulator = 0, Data = 2, Source = 6, Target = 7;

    public static void Register(OpTable table)
    {
        Add<byte>(table, 0);
        Add<ushort>(table, 1);
        Add<uint>(table, 2);
    }

    private static bool InImm<T>(SoftwareCpu cpu, Op* op)
        where T : unmanaged => In<T>(cpu, (byte)op->Immediate);

    private static bool InDx<T>(SoftwareCpu cpu, Op* op)
        where T : unmanaged => In<T>(cpu, (ushort)cpu.State->Gpr[Data]);

    private static bool OutImm<T>(SoftwareCpu cpu, Op* op)
        where T : unmanaged => Out<T>(cpu, (byte)op->Immediate);

    private static bool OutDx<T>(SoftwareCpu cpu, Op* op)
        where T : unmanaged => Out<T>(cpu, (ushort)cpu.State->Gpr[Data]);

    private static bool In<T>(SoftwareCpu cpu, ushort port)
        where T : unmanaged
    {
        if (!cpu.CheckPort(port, sizeof(T)))
            return false;
        cpu.WatchPorts(port, sizeof(T));
        Width.Set(cpu.State, Accumulator, Width.Truncate<T>(cpu.Platform.ReadPort(port, sizeof(T))));
        return true;
    }

    private static bool Out<T>(SoftwareCpu cpu, ushort port)
        where T : unmanaged
    {
        if (!cpu.CheckPort(port, sizeof(T)))
            return false;
        cpu.WatchPorts(port, sizeof(T));
        cpu.Platform.WritePort(port, sizeof(T), (uint)Width.ZeroExtend(Width.Get<T>(cpu.State, Accumulator)));
        return true;
    }

    private static bool InString<T>(SoftwareCpu cpu, Op* op)
        where T : unmanaged => Repeat(cpu, op, &InOne<T>, sizeof(T));

    private static bool OutString<T>(SoftwareCpu cpu, Op* op)
        where T : unmanaged => Repeat(cpu, op, &OutOne<T>, sizeof(T));

    private static bool Repeat(SoftwareCpu cpu, Op* op, delegate*<SoftwareCpu, Op*, bool> one, int size)
    {
        if (!cpu.CheckPort((ushort)cpu.State->Gpr[Data], size))
            return false;
        if (op->Vvvv == 0)
            return one(cpu, op);
        while (StringOps.ReadCount(cpu, op) != 0)
        {
            if (!one(cpu, op))
                return false;
            StringOps.CountDown(cpu, op);
            cpu.Charge(0);
            if (cpu.MustYield && StringOps.ReadCount(cpu, op) != 0)
                return cpu.Restart(op);
        }

        return true;
    }

    private static bool InOne<T>(SoftwareCpu cpu, Op* op)
        where T : unmanaged
    {
        CpuState* state = cpu.State;
        ulong linear = cpu.TargetAddress(op, state->Gpr[Target], sizeof(T));

        // The store must not fault once the port has been read.
        if (!cpu.TryLoadForStore(linear, out T _))
            return false;
        cpu.WatchPorts((ushort)state->Gpr[Data], sizeof(T));
        T value = Width.Truncate<T>(cpu.Platform.ReadPort((ushort)state->Gpr[Data], sizeof(T)));
        if (!cpu.TryStore(linear, value))
            return false;
        StringOps.Step(cpu, op, Target, StringOps.Stride<T>(state));
        return true;
    }

    private static bool OutOne<T>(SoftwareCpu cpu, Op* op)
        where T : unmanaged
    {
        CpuState* state = cpu.State;
        if (!cpu.TryLoad(cpu.SourceAddress(op, state->Gpr[Source], sizeof(T)), out T value))
            return false;
        cpu.WatchPorts((ushort)state->Gpr[Data], sizeof(T));
        cpu.Platform.WritePort((ushort)state->Gpr[Data], sizeof(T), (uint)Width.ZeroExtend(value));
        StringOps.Step(cpu, op, Source, StringOps.Stride<T>(state));
        return true;
    }

    private static void Add<T>(OpTable table, int size)
        where T : unmanaged
    {
        table.Add(Code.In_AL_imm8 + size, &InImm<T>);
        table.Add(Code.In_AL_DX + size, &InDx<T>);
        table.Add(Code.Out_imm8_AL + size, &OutImm<T>);
        table.Add(Code.Out_DX_AL + size, &OutDx<T>);
        table.Add(Code.Insb_m8_DX + size, &InString<T>);
        table.Add(Code.Outsb_DX_m8 + size, &OutString<T>);
    }
}
