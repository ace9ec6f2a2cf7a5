using EnclaveTesting.Engine.Eif;
using EnclaveTesting.Xunit;

namespace EnclaveTesting.Xunit3.Samples;

public class HelloFixture : EnclaveFixture
{
    protected override EnclaveBuilder Configure(EnclaveBuilder enclave) => enclave.WithImage(Image("hello"));

    internal static EifBuilder Image(string guest) => new EifBuilder()
        .WithKernel(Path.Combine(AppContext.BaseDirectory, "guests", guest + ".elf")).WithCommandLine("console=ttyS0").WithDefaultMemory(8 << 20).AddRamdisk(new byte[512]);
}
