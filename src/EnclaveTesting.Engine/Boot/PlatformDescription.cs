namespace EnclaveTesting.Engine.Boot;

/// <summary>What a kernel has to be told of the machine it starts on.</summary>
/// <param name="Cpus">How many CPUs there are; their APIC ids count from 0.</param>
/// <param name="VirtioDevices">How many virtio-mmio devices there are, in the windows of the memory layout.</param>
/// <param name="Acpi">Whether ACPI tables say so; otherwise the command line and the MP table do.</param>
internal readonly record struct PlatformDescription(int Cpus, int VirtioDevices, bool Acpi)
{
    /// <summary>Random bytes for a kernel that has no other source of them; may be empty.</summary>
    public ReadOnlyMemory<byte> Entropy { get; init; }
}
