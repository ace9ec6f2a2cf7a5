using EnclaveTesting.Engine.Eif;

namespace EnclaveTesting.Engine.Boot;

/// <summary>What is known after an image was put into memory.</summary>
/// <param name="Entry">How the boot CPU starts.</param>
/// <param name="Measurements">The image's PCRs.</param>
internal sealed record LoadedImage(BootEntry Entry, EifMeasurements Measurements);
