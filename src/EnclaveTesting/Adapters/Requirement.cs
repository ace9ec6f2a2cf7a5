using EnclaveTesting.Engine.Accelerators;

namespace EnclaveTesting;

/// <summary>What a test needs of its host; the same in every test framework.</summary>
internal static class Requirement
{
    /// <summary>Why a test that needs this accelerator is skipped here; null if it is not.</summary>
    public static string? WhyNot(Accelerator accelerator)
    {
        if (accelerator == Accelerator.Auto)
            return null;
        string? reason = Enum.IsDefined(accelerator) ? AcceleratorSupport.WhyNot(accelerator) : "there is no such accelerator.";
        return reason is null ? null : $"Needs {accelerator}: {reason}";
    }
}
