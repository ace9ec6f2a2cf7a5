using EnclaveTesting.Engine.Accelerators;
using EnclaveTesting.Engine.Accelerators.Kvm;
using EnclaveTesting.Engine.Tests.Machine;

namespace EnclaveTesting.Engine.Tests.Accelerators;

/// <summary>A test that needs KVM, whatever that KVM can do; skipped with the reason where there is none.</summary>
public sealed class KvmFactAttribute : FactAttribute
{
    public KvmFactAttribute() => Skip = WhyNot;

    /// <summary>Why there is no KVM here, or null.</summary>
    public static string? WhyNot { get; } = FindOut();

    /// <summary>What the probe guest found.</summary>
    internal static AcceleratorProbe Probe { get; } = AcceleratorProbe.Run(new KvmAccelerator(), BareMetalGuest.Patience);

    private static string? FindOut()
    {
        try
        {
            new KvmAccelerator().Open().Dispose();
            return null;
        }
        catch (AcceleratorUnavailableException exception)
        {
            return exception.Message;
        }
    }
}
