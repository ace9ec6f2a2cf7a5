namespace EnclaveTesting.Engine.Accelerators.Software.Cpu;

/// <summary>The processor's own vectors (SDM vol. 3, table 6-1).</summary>
internal static class ExceptionVector
{
    public const int DivideError = 0, Debug = 1, Nmi = 2, Breakpoint = 3, Overflow = 4, BoundRange = 5, InvalidOpcode = 6, DeviceNotAvailable = 7;
    public const int DoubleFault = 8, InvalidTss = 10, NotPresent = 11, StackFault = 12, GeneralProtection = 13, PageFault = 14;
    public const int X87Error = 16, AlignmentCheck = 17, SimdError = 19;
}
