using EnclaveTesting.NUnit;
using EnclaveTesting.Tests.Lifecycle;
using NUnit.Framework;

namespace EnclaveTesting.NUnit.Tests.Samples;

public sealed class PanicSample : EnclaveTestBase
{
    [Test]
    public void Cannot_run()
    {
    }

    protected override EnclaveBuilder Configure(EnclaveBuilder enclave) => enclave.WithImage(Guest.Image("panic"));
}
