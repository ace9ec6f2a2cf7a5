namespace EnclaveTesting.Engine.Accelerators.Software.Cpu.Integer;

/// <summary>Ops that stand for no instruction, or for none this CPU has.</summary>
internal static unsafe class BlockEnds
{
    /// <summary>The block was cut: on to the next instruction.</summary>
    public static bool FallThrough(SoftwareCpu cpu, Op* op)
    {
        cpu.State->Rip += (ulong)op->Immediate;
        return cpu.EndLinked(op, 0);
    }

    public static bool FallThroughNarrow(SoftwareCpu cpu, Op* op)
    {
        cpu.State->Rip = cpu.Wrap(cpu.State->Rip + (ulong)op->Immediate);
        return cpu.EndLinked(op, 0);
    }

    /// <summary>The block was thrown away while it was executing.</summary>
    public static bool Dead(SoftwareCpu cpu, Op* op) => cpu.Restart(op);

    public static bool InvalidOpcode(SoftwareCpu cpu, Op* op)
    {
        _ = op;
        return cpu.RaiseUndefined();
    }

    public static bool DeviceNotAvailable(SoftwareCpu cpu, Op* op)
    {
        _ = op;
        return cpu.RaiseDeviceNotAvailable();
    }

    /// <summary>An instruction of some x86 CPU that this one does not have.</summary>
    public static bool Unimplemented(SoftwareCpu cpu, Op* op)
    {
        cpu.NoteUnimplemented(op);
        return cpu.RaiseUndefined();
    }
}
