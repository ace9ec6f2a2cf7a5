using EnclaveTesting.Engine.Eif;

namespace EnclaveTesting.Benchmarks;

/// <summary>The bare-metal guests as images, as the tests have them.</summary>
internal static class HelloImage
{
    public static string Kernel(string guest = "hello") => Path.Combine(AppContext.BaseDirectory, "guests", guest + ".elf");

    public static byte[] Build(string guest = "hello") => new EifBuilder()
        .WithKernel(Kernel(guest))
        .WithCommandLine("console=ttyS0")
        .WithDefaultMemory(8 << 20)
        .WithDefaultCpus(1)
        .AddRamdisk(new byte[1024])
        .Build();
}
