using EnclaveTesting.Engine.Accelerators;
using EnclaveTesting.NUnit;
using EnclaveTesting.Tests.Lifecycle;
using NUnit.Framework;
using NAssert = NUnit.Framework.Assert;

namespace EnclaveTesting.NUnit.Tests.Samples;

public sealed class OwnSample : EnclaveTestBase
{
    [Test]
    public void Fails() => NAssert.That(Parent.HasHeartbeat, Is.False, "on purpose");

    [Test]
    public void Passes() => NAssert.That(Parent.HasHeartbeat, Is.True);

    [TestCase(1)]
    public void Fails_with(int number) => NAssert.That(number, Is.EqualTo(0));

    [Test]
    [EnclaveRequires((Accelerator)99)]
    public void Needs_what_nobody_has() => NAssert.Fail("was run");

    [Test]
    [EnclaveRequires((Accelerator)99)]
    [Ignore("my own reason")]
    public void Is_ignored() => NAssert.Fail("was run");

    protected override EnclaveBuilder Configure(EnclaveBuilder enclave) => enclave.WithImage(Guest.Image("hello"));
}
