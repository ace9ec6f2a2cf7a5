namespace EnclaveTesting.Xunit3.Samples;

public sealed class PanicFixture : HelloFixture
{
    protected override EnclaveBuilder Configure(EnclaveBuilder enclave) => enclave.WithImage(Image("panic"));
}
