namespace EnclaveTesting.Benchmarks;

/// <summary>How long something took.</summary>
/// <param name="Wall">Milliseconds that passed.</param>
/// <param name="Cpu">Milliseconds of all processors that the process used, which a busy machine changes less.</param>
internal readonly record struct BootTime(double Wall, double Cpu);
