using EnclaveTesting.Engine.Accelerators;
using EnclaveTesting.Xunit;
using Xunit;

namespace EnclaveTesting.Xunit3.Samples;

public sealed class HelloSample(HelloFixture enclave) : IClassFixture<HelloFixture>
{
    [EnclaveFact]
    public void Fails() => Assert.False(enclave.Parent.HasHeartbeat, "on purpose");

    [EnclaveFact]
    public void Passes() => Assert.True(enclave.Parent.HasHeartbeat);

    [EnclaveTheory]
    [InlineData(1)]
    public void Fails_with(int number) => Assert.Equal(0, number);

    [EnclaveFact]
    public async Task Fails_with_an_enclave_of_its_own()
    {
        await using Enclave own = new EnclaveBuilder().WithName("own").WithImage(HelloFixture.Image("hello")).Build();
        await own.StartAsync();
        Assert.Fail("on purpose");
    }

    [EnclaveFact(Isolation = Isolation.PerTest)]
    public Task Is_alone() => LeaveATraceAsync();

    [EnclaveTheory(Isolation = Isolation.PerTest)]
    [InlineData(1)]
    [InlineData(2)]
    public Task Are_alone(int number) => LeaveATraceAsync(number);

    [EnclaveFact(Isolation = Isolation.PerTest)]
    public void Fails_alone() => Assert.Fail("on purpose");

    // As xUnit does it when a test's time is over.
    [EnclaveFact(Isolation = Isolation.PerTest)]
    public async Task Is_cancelled()
    {
        await LeaveATraceAsync(5);
        TestContext.Current.CancelCurrentTest();
        Assert.Fail($"the clone is {enclave.Enclave.State}");
    }

    [EnclaveFact(Requires = (Accelerator)99)]
    public void Needs_what_nobody_has() => Assert.Fail("was run");

    [EnclaveFact(Skip = "my own reason")]
    public void Is_skipped() => Assert.Fail("was run");

    private async Task LeaveATraceAsync(int number = 0)
    {
        Assert.DoesNotContain("trace", enclave.Console.All.Text);
        await enclave.Console.WaitForLineAsync("source: listening");
        await enclave.Client<string, string>(5001, Codec.Lines).SendAsync($"console trace {number}");
        await enclave.Console.WaitForLineAsync($"trace {number}");
    }
}
