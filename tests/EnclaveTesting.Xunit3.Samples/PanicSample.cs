using EnclaveTesting.Xunit;
using Xunit;

namespace EnclaveTesting.Xunit3.Samples;

public sealed class PanicSample(PanicFixture enclave) : IClassFixture<PanicFixture>
{
    [EnclaveFact]
    public void Cannot_run() => Assert.NotNull(enclave);
}
