using EnclaveTesting.NUnit;
using EnclaveTesting.Tests.Lifecycle;
using NUnit.Framework;
using NAssert = NUnit.Framework.Assert;

namespace EnclaveTesting.NUnit.Tests.Samples;

public sealed class SharingSample : EnclaveTestBase<SharedHello>
{
    [Test]
    public void Fails() => NAssert.That(Enclave.Parent.HasHeartbeat, Is.False, "on purpose");

    [Test]
    public async Task Fails_with_an_enclave_of_its_own()
    {
        await using EnclaveTesting.Enclave own = Guest.Of("hello").WithName("own").Build();
        await own.StartAsync();
        NAssert.Fail("on purpose");
    }

    [TestCase(1)]
    [TestCase(2)]
    [IsolatedEnclave]
    public async Task Is_alone(int number)
    {
        NAssert.That(Enclave.Console.All.Text, Does.Not.Contain("trace"));
        await Enclave.Console.WaitForLineAsync("source: listening");
        await Enclave.Client<string, string>(5001, Codec.Lines).SendAsync($"console trace {number}");
        await Enclave.Console.WaitForLineAsync($"trace {number}");
    }
}
