using System.Reflection;
using System.Runtime.CompilerServices;
using EnclaveTesting.Engine.Accelerators;
using Xunit;
using Xunit.v3;

namespace EnclaveTesting.Xunit;

/// <summary>
/// A test with an enclave: when it fails, its output shows the console of the <see cref="EnclaveFixture"/>s that the class's constructor takes,
/// and names the files that were written about them.
/// </summary>
[AttributeUsage(AttributeTargets.Method)]
[XunitTestCaseDiscoverer(typeof(FactDiscoverer))]
public sealed class EnclaveFactAttribute : FactAttribute, IFactAttribute, IBeforeAfterTestAttribute
{
    /// <summary>Made by the compiler; the parameters are filled in by it.</summary>
    public EnclaveFactAttribute([CallerFilePath] string? sourceFilePath = null, [CallerLineNumber] int sourceLineNumber = -1)
        : base(sourceFilePath, sourceLineNumber)
    {
    }

    /// <summary>The accelerator without which the test makes no sense: where it cannot run, the test is skipped with the reason.</summary>
    public Accelerator Requires { get; set; }

    /// <summary>Which enclave the fixtures show while the test runs; its class's constructor still sees the shared one.</summary>
    public Isolation Isolation { get; set; }

    // xUnit asks through the interface; a missing accelerator skips whatever conditions the attribute has besides.
    string? IFactAttribute.Skip => Requirement.WhyNot(Requires) ?? Skip;

    string? IFactAttribute.SkipUnless => Requirement.WhyNot(Requires) is null ? SkipUnless : null;

    string? IFactAttribute.SkipWhen => Requirement.WhyNot(Requires) is null ? SkipWhen : null;

    void IBeforeAfterTestAttribute.Before(MethodInfo methodUnderTest, IXunitTest test)
    {
        TestEnclaves.Begin();
        IsolatedTest.Begin(test, Isolation);
        TestEnd.Expect(test, Isolation);
    }

    void IBeforeAfterTestAttribute.After(MethodInfo methodUnderTest, IXunitTest test) => TestEnd.Come();
}
