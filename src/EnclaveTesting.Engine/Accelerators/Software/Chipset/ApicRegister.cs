namespace EnclaveTesting.Engine.Accelerators.Software.Chipset;

/// <summary>The registers of a local APIC: offsets divided by 16 in xAPIC mode, MSRs from 0x800 in x2APIC mode (SDM vol. 3, table 11-6).</summary>
internal static class ApicRegister
{
    public const uint FirstMsr = 0x800, LastMsr = 0x8FF;

    public const uint Id = 0x02, Version = 0x03, TaskPriority = 0x08, ProcessorPriority = 0x0A, EndOfInterrupt = 0x0B;
    public const uint LogicalDestination = 0x0D, DestinationFormat = 0x0E, Spurious = 0x0F;
    public const uint InService = 0x10, TriggerMode = 0x18, Requested = 0x20, ErrorStatus = 0x28;
    public const uint CommandLow = 0x30, CommandHigh = 0x31, LocalVectors = 0x32;
    public const uint InitialCount = 0x38, CurrentCount = 0x39, Divide = 0x3E, SelfCommand = 0x3F;

    /// <summary>Whether x2APIC mode has the register.</summary>
    public static bool ExistsInX2(uint register) => register
        is Id or Version or TaskPriority or ProcessorPriority or EndOfInterrupt or LogicalDestination or Spurious
        or (>= InService and <= ErrorStatus)
        or CommandLow or (>= LocalVectors and <= CurrentCount) or Divide or SelfCommand;

    /// <summary>Whether x2APIC mode lets it be written.</summary>
    public static bool IsWritableInX2(uint register) => register
        is TaskPriority or EndOfInterrupt or Spurious or ErrorStatus
        or CommandLow or (>= LocalVectors and <= InitialCount) or Divide or SelfCommand;
}
