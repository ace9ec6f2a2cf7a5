namespace EnclaveTesting.Engine.Tests.Software.Differential;

/// <summary>Where code and data of a case are, for both processors at the same addresses (below 2 GiB, so that absolute addresses fit).</summary>
internal static class CodeLayout
{
    public const ulong Base = 0x3000_0000;

    /// <summary>The stub, on the host only.</summary>
    public const ulong Stub = Base;

    /// <summary>Registers to load and stored registers, on the host only.</summary>
    public const ulong Input = Base + 0x1000;
    public const ulong Output = Base + 0x2000;

    /// <summary>What the stub keeps for itself.</summary>
    public const ulong HostStack = Base + 0x3000;
    public const ulong HostMxcsr = Base + 0x3008;

    /// <summary>The signals blocked while a case runs, and those that were before.</summary>
    public const ulong Blocked = Base + 0x3010;
    public const ulong Unblocked = Base + 0x3018;

    /// <summary>The signal a case ended with.</summary>
    public const ulong Signal = Base + 0x3020;

    /// <summary>The handler of faults, and by signal the handlers for all that it leaves to others.</summary>
    public const ulong FaultHandler = Base + 0x4000;
    public const ulong OldHandlers = Base + 0x5000;

    /// <summary>Slots for the code of the cases.</summary>
    public const ulong Code = Base + 0x1_0000;
    public const int SlotSize = 256;
    public const int Slots = 256;
    public const int CodeSize = SlotSize * Slots;

    /// <summary>The data of the cases, with room below the stack. A page begins 64 bytes behind the first memory operand.</summary>
    public const ulong DataArea = Base + 0x3_0000;
    public const ulong Data = DataArea + 0x8000 - 64 - 768;
    public const int DataSize = 2048;

    /// <summary>RSP at the start of a case.</summary>
    public const ulong Stack = Data + 256;

    /// <summary>Memory operands lie from here on.</summary>
    public const ulong Operands = Data + 768;

    public const int TotalSize = 0x5_0000;
}
