namespace EnclaveTesting.Engine.Accelerators.Software.Cpu;

/// <summary>What a CPU reaches outside itself. Called on the machine's thread only.</summary>
internal interface ICpuPlatform
{
    /// <summary>An IN of 1, 2 or 4 bytes.</summary>
    uint ReadPort(ushort port, int size);

    /// <summary>An OUT of 1, 2 or 4 bytes.</summary>
    void WritePort(ushort port, int size, uint value);

    /// <summary>A load of 1, 2, 4 or 8 bytes from a physical address that is not RAM.</summary>
    ulong ReadMmio(ulong address, int size);

    /// <summary>A store of 1, 2, 4 or 8 bytes to a physical address that is not RAM.</summary>
    void WriteMmio(ulong address, int size, ulong value);

    /// <summary>The time stamp counter of one CPU.</summary>
    ulong ReadTsc(int cpu);

    /// <summary>Reads a register outside the CPU's core: APIC base, x2APIC, TSC deadline, KVM's paravirtual ones; false: #GP.</summary>
    bool TryReadMsr(int cpu, uint index, out ulong value);

    /// <summary>Writes a register outside the CPU's core; false: #GP.</summary>
    bool TryWriteMsr(int cpu, uint index, ulong value);

    /// <summary>Acknowledges and returns the vector to deliver now; -1 if there is none (masked by the TPR, for example).</summary>
    int TakeInterrupt(int cpu);

    /// <summary>The task priority, as CR8.</summary>
    ulong ReadTpr(int cpu);

    /// <summary>Sets the task priority, as CR8.</summary>
    void WriteTpr(int cpu, ulong value);

    /// <summary>The guest got #UD for an instruction that this CPU does not know.</summary>
    void NoteUnimplemented(int cpu, ulong rip, ReadOnlySpan<byte> bytes);
}
