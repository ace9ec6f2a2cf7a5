using EnclaveTesting.Engine.Accelerators;

namespace EnclaveTesting.Xunit;

/// <summary>What a test needs of its host.</summary>
internal static class Requirement
{
    /// <summary>Why a test that needs this accelerator is skipped here; null if it is not.</summary>
    public static string? WhyNot(Accelerator accelerator) => accelerator == Accelerator.Auto ? null
        : AcceleratorSupport.WhyNot(accelerator) is { } reason ? $"Needs {accelerator}: {reason}" : null;
}
