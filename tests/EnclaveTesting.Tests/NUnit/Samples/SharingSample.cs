using EnclaveTesting.NUnit;
using NUnit.Framework;
using NAssert = NUnit.Framework.Assert;

namespace EnclaveTesting.Tests.NUnit.Samples;

public sealed class SharingSample : EnclaveTestBase<SharedHello>
{
    [Test]
    public void Fails() => NAssert.That(Enclave.Parent.HasHeartbeat, Is.False, "on purpose");
}
