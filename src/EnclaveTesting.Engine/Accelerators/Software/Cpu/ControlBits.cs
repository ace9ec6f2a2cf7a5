using EnclaveTesting.Engine.Accelerators.Cpuid;

namespace EnclaveTesting.Engine.Accelerators.Software.Cpu;

/// <summary>Bits of CR0 and CR4.</summary>
internal static class ControlBits
{
    public const ulong Cr0Pe = 1, Cr0Mp = 2, Cr0Em = 4, Cr0Ts = 8, Cr0Et = 0x10, Cr0Ne = 0x20, Cr0Wp = 0x1_0000, Cr0Am = 0x4_0000;
    public const ulong Cr0Nw = 0x2000_0000, Cr0Cd = 0x4000_0000, Cr0Pg = 0x8000_0000;
    public const ulong Cr0Known = Cr0Pe | Cr0Mp | Cr0Em | Cr0Ts | Cr0Et | Cr0Ne | Cr0Wp | Cr0Am | Cr0Nw | Cr0Cd | Cr0Pg;

    public const ulong Cr4Vme = 1, Cr4Pvi = 2, Cr4Tsd = 4, Cr4De = 8, Cr4Pse = 0x10, Cr4Pae = 0x20, Cr4Mce = 0x40, Cr4Pge = 0x80, Cr4Pce = 0x100;
    public const ulong Cr4Osfxsr = 0x200, Cr4Osxmmexcpt = 0x400, Cr4Umip = 0x800, Cr4FsGsBase = 0x1_0000, Cr4Osxsave = 0x4_0000;
    public const ulong Cr4Smep = 0x10_0000, Cr4Smap = 0x20_0000;

    private const ulong Cr4Always = Cr4Tsd | Cr4De | Cr4Pse | Cr4Pae | Cr4Mce | Cr4Pge | Cr4Pce | Cr4Osfxsr | Cr4Osxmmexcpt;

    /// <summary>What a guest may set in CR4; the rest raises #GP. VME and PVI are not offered, PCID neither.</summary>
    public static ulong Cr4Writable(CpuTemplate template) => Cr4Always
        | If(template, "umip", Cr4Umip) | If(template, "fsgsbase", Cr4FsGsBase) | If(template, "xsave", Cr4Osxsave)
        | If(template, "smep", Cr4Smep) | If(template, "smap", Cr4Smap);

    private static ulong If(CpuTemplate template, string feature, ulong bit) => CpuFeatures.Has(template, feature) ? bit : 0;
}
