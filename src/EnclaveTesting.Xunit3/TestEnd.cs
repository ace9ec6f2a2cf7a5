using Xunit;
using Xunit.v3;

namespace EnclaveTesting.Xunit;

/// <summary>
/// What is to be done at the end of a test, once. A test whose time is over, and any other that is cancelled, ends when that happens: xUnit then
/// calls nothing after it, or too late for its report.
/// </summary>
internal sealed class TestEnd
{
    private static readonly AsyncLocal<TestEnd?> OfThisTest = new();

    private readonly IXunitTest _test;
    private readonly Isolation _isolation;
    private CancellationTokenRegistration _cancelled;
    private int _done;

    private TestEnd(IXunitTest test, Isolation isolation)
    {
        _test = test;
        _isolation = isolation;
    }

    /// <summary>Before the test, in its execution context, which is also that of its cancellation.</summary>
    public static void Expect(IXunitTest test, Isolation isolation)
    {
        var end = new TestEnd(test, isolation);
        OfThisTest.Value = end;
        end._cancelled = TestContext.Current.CancellationToken.Register(() => end.Come(isCancelled: true));
    }

    /// <summary>After the test, in its execution context.</summary>
    public static void Come() => OfThisTest.Value?.Come(isCancelled: false);

    private void Come(bool isCancelled)
    {
        if (Interlocked.Exchange(ref _done, 1) != 0)
            return;
        if (!isCancelled)
            _cancelled.Dispose();
        if (isCancelled || TestContext.Current.TestState?.Result == TestResult.Failed)
            FailingTest.Report(_test);
        IsolatedTest.End(_isolation);
    }
}
