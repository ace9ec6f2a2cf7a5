namespace EnclaveTesting.Engine.Boot;

/// <summary>What a kernel has to be told of the machine it starts on.</summary>
/// <param name="Cpus">How many CPUs there are; their APIC ids count from 0.</param>
/// <param name="VirtioDevices">How many virtio-mmio devices there are, in the windows of the memory layout.</param>
/// <param name="Acpi">Whether ACPI tables tell of the devices; otherwise the command line and the MP table do.</param>
internal readonly record struct PlatformDescription(int Cpus, int VirtioDevices, bool Acpi)
{
    /// <summary>Whether ACPI tables tell of the generation id, be it that they tell of nothing else.</summary>
    public bool GenerationId { get; init; }

    /// <summary>Random bytes for a kernel that has no other source of them; may be empty.</summary>
    public ReadOnlyMemory<byte> Entropy { get; init; }
}
