using EnclaveTesting.Engine.Accelerators.Software;

namespace EnclaveTesting.Engine.Tests.Software;

public class WarmUpTests
{
    [Fact]
    public void Every_instruction_of_the_warm_up_is_one_that_the_cpu_knows() => WarmUp.Execute().Should().Be(0);
}
