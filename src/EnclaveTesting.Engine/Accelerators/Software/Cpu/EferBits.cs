namespace EnclaveTesting.Engine.Accelerators.Software.Cpu;

/// <summary>Bits of IA32_EFER.</summary>
internal static class EferBits
{
    public const ulong SystemCall = 1, LongModeEnable = 0x100, LongModeActive = 0x400, NoExecute = 0x800;

    /// <summary>Those that a guest may set.</summary>
    public const ulong Writable = SystemCall | LongModeEnable | NoExecute;
}
