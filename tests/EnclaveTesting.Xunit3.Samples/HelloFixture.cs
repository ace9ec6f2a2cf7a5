using EnclaveTesting.Engine.Eif;
using EnclaveTesting.Xunit;

namespace EnclaveTesting.Xunit3.Samples;

public class HelloFixture : EnclaveFixture
{
    // The heartbeat is known before its connection is over, and the reports of the tests tell of that.
    protected override EnclaveBuilder Configure(EnclaveBuilder enclave) => enclave.WithImage(Image("hello"))
        .AfterStart((hello, _) => hello.Parent.ConnectionsTo(9000)[0].Ended);

    internal static EifBuilder Image(string guest) => new EifBuilder()
        .WithKernel(Path.Combine(AppContext.BaseDirectory, "guests", guest + ".elf")).WithCommandLine("console=ttyS0").WithDefaultMemory(8 << 20).AddRamdisk(new byte[512]);
}
