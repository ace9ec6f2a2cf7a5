using EnclaveTesting.Engine.Eif;
using EnclaveTesting.Engine.Images;

namespace EnclaveTesting.Benchmarks;

/// <summary>Linux enclaves to measure, written to files with the parts that a peer needs beside them.</summary>
internal static class LinuxImages
{
    public const long MemoryMiB = 256;

    private const UnixFileMode Executable = (UnixFileMode)0b111_101_101;

    /// <summary>The guest kit with the application of the tests.</summary>
    public static LinuxImage Kit(string directory) => Write(directory, "kit", GuestKit.Kernel.ToArray(), BootRamdisk(GuestKit.Init), Application());

    /// <summary>The guest kit's kernel with guest/bench/mips as its first process.</summary>
    public static LinuxImage Mips(string directory) =>
        Write(directory, "mips", GuestKit.Kernel.ToArray(), BootRamdisk(Guest("mips")), new CpioArchive().AddDirectory("rootfs").Build());

    /// <summary>A kernel that guest/distribution/fetch.sh has fetched, with its modules.</summary>
    public static LinuxImage Distribution(string directory, string kernelDirectory)
    {
        string[] modules = [.. File.ReadLines(Path.Combine(kernelDirectory, "load")).Select(name => Path.Combine(kernelDirectory, name))];
        byte[] boot = NitroRamdisks.CreateBoot(GuestKit.Init, modules: modules).Build();
        return Write(directory, "distribution", File.ReadAllBytes(Path.Combine(kernelDirectory, "vmlinuz")), boot, Application()) with { Acpi = true };
    }

    private static byte[] BootRamdisk(ReadOnlyMemory<byte> init) => NitroRamdisks.CreateBoot(init).Build();

    private static byte[] Application() => NitroRamdisks.CreateApplication(["/enclave-app"], ["GREETING=hello"]).AddFile("rootfs/enclave-app", Guest("enclave-app"), Executable).Build();

    private static byte[] Guest(string name) => File.ReadAllBytes(Path.Combine(AppContext.BaseDirectory, "guests", name));

    private static LinuxImage Write(string directory, string name, byte[] kernel, byte[] boot, byte[] application)
    {
        var image = new LinuxImage(Path.Combine(directory, name + ".eif"), Path.Combine(directory, name + ".bzImage"), Path.Combine(directory, name + ".initrd"), Acpi: false);
        File.WriteAllBytes(image.Path, new EifBuilder()
            .WithKernel(kernel)
            .WithDefaultMemory(MemoryMiB << 20)
            .WithDefaultCpus(1)
            .AddRamdisk(boot)
            .AddRamdisk(application)
            .Build());
        File.WriteAllBytes(image.Kernel, kernel);
        File.WriteAllBytes(image.Initrd, [.. boot, .. application]);
        return image;
    }
}
