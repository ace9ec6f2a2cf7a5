namespace EnclaveTesting.Engine.Accelerators.Software.Chipset;

/// <summary>The CPUs, as the interrupt controllers drive them.</summary>
internal interface IApicHost
{
    /// <summary>An interrupt waits that the CPU may take once its interrupts are enabled.</summary>
    void InterruptPending(int cpu);

    /// <summary>Raises a non-maskable interrupt.</summary>
    void NonMaskable(int cpu);

    /// <summary>Resets the CPU, which then waits for a start-up message.</summary>
    void Init(int cpu);

    /// <summary>Starts a CPU that waits for it at page <paramref name="page"/>; others ignore it.</summary>
    void StartUp(int cpu, byte page);
}
