using Xunit;
using Xunit.v3;

namespace EnclaveTesting.Xunit;

/// <summary>Adds to the output of a failed test what is known about its enclaves.</summary>
internal static class FailingTest
{
    // Attachments become part of the report; the output names larger files all the same.
    private const int LargestAttachment = 4 << 20;

    /// <summary>To be called before the test's class is disposed.</summary>
    public static void Report(IXunitTest test)
    {
        ITestContext context = TestContext.Current;
        var name = new TestName(test.TestMethod.TestClass.Class.Name, test.TestMethod.Method.Name, test.TestMethodArguments);
        FailureOutput output = FailureOutput.For(FixturesOf(test).Select(fixture => fixture.EnclaveOrNull), name);
        if (output.Text.Length == 0)
            return;
        context.TestOutputHelper?.WriteLine(output.Text.TrimEnd('\n'));
        foreach (Artifact artifact in output.Artifacts.Where(artifact => artifact.Problem is null && new FileInfo(artifact.Path).Length <= LargestAttachment))
            context.AddAttachment(Path.GetFileName(artifact.Path), File.ReadAllBytes(artifact.Path));
    }

    /// <summary>The fixtures that the constructor of a test's class takes.</summary>
    public static IReadOnlyList<EnclaveFixture> FixturesOf(IXunitTest test)
    {
        ITestContext context = TestContext.Current;
        return [.. from parameter in test.TestMethod.TestClass.Class.GetConstructors().SelectMany(constructor => constructor.GetParameters())
                   where typeof(EnclaveFixture).IsAssignableFrom(parameter.ParameterType)
                   // It was made before the test ran: nothing is waited for.
                   select context.GetFixture(parameter.ParameterType).AsTask().GetAwaiter().GetResult() as EnclaveFixture];
    }
}
