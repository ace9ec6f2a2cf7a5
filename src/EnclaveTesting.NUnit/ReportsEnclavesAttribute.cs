using NUnit.Framework;
using NUnit.Framework.Interfaces;

namespace EnclaveTesting.NUnit;

/// <summary>Adds to the output of a failed test what is known about its enclaves.</summary>
[AttributeUsage(AttributeTargets.Class)]
internal sealed class ReportsEnclavesAttribute : Attribute, ITestAction
{
    public ActionTargets Targets => ActionTargets.Test;

    private static readonly AsyncLocal<IsolatedEnclaves?> Clones = new();

    // NUnit calls it in the test's execution context and does not wait.
    public void BeforeTest(ITest test)
    {
        TestEnclaves.Begin();
        if (!IsIsolated(test) || FixtureOf(test) is not { } fixture)
            return;
        IsolatedEnclaves clones = Task.Run(() => IsolatedEnclaves.CreateAsync([fixture])).GetAwaiter().GetResult();
        Clones.Value = clones;
        clones.Enter();
    }

    public void AfterTest(ITest test)
    {
        Report(test);
        if (Clones.Value is not { } clones)
            return;
        Clones.Value = null;
        clones.Leave();
        Task.Run(() => clones.DisposeAsync().AsTask()).GetAwaiter().GetResult();
    }

    private static bool IsIsolated(ITest test) =>
        test.Method?.IsDefined<IsolatedEnclaveAttribute>(inherit: true) == true || test.TypeInfo?.IsDefined<IsolatedEnclaveAttribute>(inherit: true) == true;

    private static EnclaveFixture? FixtureOf(ITest test) => test.Fixture as EnclaveFixture ?? (test.Fixture as ISharesEnclave)?.Fixture;

    private static void Report(ITest test)
    {
        if (TestContext.CurrentContext.Result.Outcome.Status != TestStatus.Failed)
            return;
        var name = new TestName(test.TypeInfo?.Type.Name ?? test.ClassName ?? "", test.MethodName ?? test.Name, test.Arguments);
        FailureOutput output = FailureOutput.For([FixtureOf(test)?.EnclaveOrNull], name);
        TestContext.Out.Write(output.Text);
        foreach (Artifact artifact in output.Artifacts.Where(artifact => artifact.Problem is null))
            TestContext.AddTestAttachment(artifact.Path);
    }
}
