namespace EnclaveTesting.Benchmarks;

/// <summary>An image and what it was made of.</summary>
/// <param name="Path">The EIF.</param>
/// <param name="Kernel">Its bzImage.</param>
/// <param name="Initrd">Its ramdisks, one behind the other.</param>
/// <param name="Acpi">Whether its kernel finds its devices by ACPI.</param>
internal sealed record LinuxImage(string Path, string Kernel, string Initrd, bool Acpi);
