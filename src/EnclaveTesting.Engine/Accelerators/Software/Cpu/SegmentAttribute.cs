namespace EnclaveTesting.Engine.Accelerators.Software.Cpu;

/// <summary>Bits of <see cref="Machine.SegmentRegister.Attributes"/>.</summary>
internal static class SegmentAttribute
{
    public const uint Accessed = 1, Writable = 2, Readable = 2, ExpandDown = 4, Conforming = 4, Code = 8, Type = 0xF, Busy = 2;
    public const uint CodeOrExpandDown = Code | ExpandDown;
    public const uint NotSystem = 0x10, Dpl = 0x60, Present = 0x80, Long = 0x2000, Big = 0x4000, Granularity = 0x8000, Unusable = 0x1_0000;
    public const int DplShift = 5;

    /// <summary>What a descriptor's second dword has at bits 8 and up.</summary>
    public const uint InDescriptor = 0xF0FF;

    /// <summary>Types of system descriptors.</summary>
    public const uint Tss16 = 1, LocalTable = 2, CallGate16 = 4, TaskGate = 5, InterruptGate16 = 6, TrapGate16 = 7, Tss = 9, BusyTss = 11, CallGate = 12, InterruptGate = 14, TrapGate = 15;
}
