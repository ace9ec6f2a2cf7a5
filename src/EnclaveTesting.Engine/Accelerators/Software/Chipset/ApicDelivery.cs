namespace EnclaveTesting.Engine.Accelerators.Software.Chipset;

/// <summary>How an interrupt is delivered (SDM vol. 3, 11.6.1, and the I/O APIC's redirection entries).</summary>
internal enum ApicDelivery
{
    Fixed = 0,
    LowestPriority = 1,
    SystemManagement = 2,
    NonMaskable = 4,
    Init = 5,
    StartUp = 6,
    External = 7,
}
