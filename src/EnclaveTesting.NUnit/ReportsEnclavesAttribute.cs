using NUnit.Framework;
using NUnit.Framework.Interfaces;

namespace EnclaveTesting.NUnit;

/// <summary>Adds to the output of a failed test what is known about its enclaves.</summary>
[AttributeUsage(AttributeTargets.Class)]
internal sealed class ReportsEnclavesAttribute : Attribute, ITestAction
{
    public ActionTargets Targets => ActionTargets.Test;

    public void BeforeTest(ITest test) => TestEnclaves.Begin();

    public void AfterTest(ITest test)
    {
        if (TestContext.CurrentContext.Result.Outcome.Status != TestStatus.Failed)
            return;
        var name = new TestName(test.TypeInfo?.Type.Name ?? test.ClassName ?? "", test.MethodName ?? test.Name, test.Arguments);
        EnclaveFixture? fixture = test.Fixture as EnclaveFixture ?? (test.Fixture as ISharesEnclave)?.Fixture;
        FailureOutput output = FailureOutput.For([fixture?.EnclaveOrNull], name);
        TestContext.Out.Write(output.Text);
        foreach (Artifact artifact in output.Artifacts.Where(artifact => artifact.Problem is null))
            TestContext.AddTestAttachment(artifact.Path);
    }
}
