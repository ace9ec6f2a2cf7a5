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

    [EnclaveFact(Requires = (Accelerator)99)]
    public void Needs_what_nobody_has() => Assert.Fail("was run");

    [EnclaveFact(Skip = "my own reason")]
    public void Is_skipped() => Assert.Fail("was run");
}
