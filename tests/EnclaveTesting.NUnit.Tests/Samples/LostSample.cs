using EnclaveTesting.NUnit;
using NUnit.Framework;
using NAssert = NUnit.Framework.Assert;

namespace EnclaveTesting.NUnit.Tests.Samples;

public sealed class LostSample : EnclaveTestBase<LostSample.NeverStarted>
{
    [Test]
    public void Has_no_enclave() => NAssert.That(Enclave, Is.Not.Null);

    public sealed class NeverStarted : EnclaveFixture
    {
        protected override EnclaveBuilder Configure(EnclaveBuilder enclave) => enclave;
    }
}
