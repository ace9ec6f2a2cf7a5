using EnclaveTesting.Engine.Accelerators;
using NUnit.Framework;
using NUnit.Framework.Interfaces;
using NUnit.Framework.Internal;

namespace EnclaveTesting.NUnit;

/// <summary>A test, test class or assembly that makes no sense without an accelerator: where it cannot run, the tests are skipped with the reason.</summary>
/// <param name="accelerator">The accelerator.</param>
[AttributeUsage(AttributeTargets.Method | AttributeTargets.Class | AttributeTargets.Assembly)]
public sealed class EnclaveRequiresAttribute(Accelerator accelerator) : NUnitAttribute, IApplyToTest
{
    /// <summary>The accelerator.</summary>
    public Accelerator Accelerator { get; } = accelerator;

    /// <summary>Called by NUnit.</summary>
    public void ApplyToTest(Test test)
    {
        ArgumentNullException.ThrowIfNull(test);
        if (test.RunState is RunState.NotRunnable or RunState.Ignored || Requirement.WhyNot(Accelerator) is not { } reason)
            return;
        test.RunState = RunState.Skipped;
        test.Properties.Set(PropertyNames.SkipReason, reason);
    }
}
