using EnclaveTesting.NUnit;
using EnclaveTesting.Tests.Lifecycle;
using NUnit.Framework;

namespace EnclaveTesting.NUnit.Tests.Samples;

/// <summary>For the namespace.</summary>
[SetUpFixture]
public sealed class SharedHello : EnclaveFixture
{
    protected override EnclaveBuilder Configure(EnclaveBuilder enclave) => enclave.WithImage(Guest.Image("hello"));
}
