using System.Reflection;
using System.Runtime.CompilerServices;
using EnclaveTesting.Engine.Accelerators;
using Xunit;
using Xunit.v3;

namespace EnclaveTesting.Xunit;

/// <summary>A theory with an enclave: as <see cref="EnclaveFactAttribute"/>, once for each row of data.</summary>
[AttributeUsage(AttributeTargets.Method)]
[XunitTestCaseDiscoverer(typeof(TheoryDiscoverer))]
public sealed class EnclaveTheoryAttribute : TheoryAttribute, IFactAttribute, IBeforeAfterTestAttribute
{
    /// <summary>Made by the compiler; the parameters are filled in by it.</summary>
    public EnclaveTheoryAttribute([CallerFilePath] string? sourceFilePath = null, [CallerLineNumber] int sourceLineNumber = -1)
        : base(sourceFilePath, sourceLineNumber)
    {
    }

    /// <summary>The accelerator without which the test makes no sense: where it cannot run, the test is skipped with the reason.</summary>
    public Accelerator Requires { get; set; }

    /// <summary>Which enclave the fixtures show while the test runs; its class's constructor still sees the shared one.</summary>
    public Isolation Isolation { get; set; }

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
