using EnclaveTesting.NUnit.Tests.Samples;
using NUnit.Framework.Api;
using NUnit.Framework.Interfaces;
using NUnit.Framework.Internal;

namespace EnclaveTesting.NUnit.Tests;

/// <summary>Runs the samples beside once for a test class, with NUnit's own runner, and keeps the results.</summary>
public sealed class NUnitRun
{
    private readonly Dictionary<string, ITestResult> _results = [];

    public NUnitRun()
    {
        var runner = new NUnitTestAssemblyRunner(new DefaultTestAssemblyBuilder());
        // No workers: the samples run here.
        runner.Load(typeof(OwnSample).Assembly, new Dictionary<string, object> { ["NumberOfTestWorkers"] = 0 });
        Keep(runner.Run(TestListener.NULL, TestFilter.Empty));
    }

    /// <summary>The result of a test, as <c>OwnSample.Fails</c>.</summary>
    public ITestResult Of(string test) => _results[$"{typeof(OwnSample).Namespace}.{test}"];

    private void Keep(ITestResult result)
    {
        foreach (ITestResult child in result.Children)
            Keep(child);
        if (!result.Test.IsSuite)
            _results[result.FullName] = result;
    }
}
