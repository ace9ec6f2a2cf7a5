using EnclaveTesting.Engine.Eif;
using EnclaveTesting.Engine.Images;

namespace EnclaveTesting.Engine.Tests.Machine;

/// <summary>What guest/distribution/fetch.sh has fetched.</summary>
internal static class Distribution
{
    private const string Variable = "ENCLAVE_TEST_DISTRIBUTION";

    private static readonly string? Root = Environment.GetEnvironmentVariable(Variable);

    /// <summary>Why there is nothing, or null.</summary>
    public static string? WhyNot { get; } = string.IsNullOrEmpty(Root)
        ? $"{Variable} names no directory; guest/distribution/fetch.sh fills one."
        : Directory.Exists(Root) ? null : $"{Variable} names {Root}, which is not there; guest/distribution/fetch.sh makes it.";

    /// <summary>Why there is not this kernel, or null.</summary>
    public static string? WhyNotKernel(string? version) => version is null ? null : WhyNoPart(Path.Combine("kernels", version));

    /// <summary>Why there is not this userland, or null.</summary>
    public static string? WhyNotUserland(string? name) => name is null ? null : WhyNoPart(Path.Combine("userlands", name));

    /// <summary>A root file system with its command, to boot with any kernel.</summary>
    public static CpioArchive Userland(string name, params string[] command) =>
        NitroRamdisks.CreateApplication(command, ["PATH=/bin:/usr/bin", "HOME=/", "LANG=C.UTF-8"]).AddHostTree(Path.Combine(Root!, "userlands", name), "rootfs");

    /// <summary>A Debian cloud kernel with its modules, the guest kit's init and an application.</summary>
    public static EifBuilder Kernel(string version, CpioArchive application)
    {
        string directory = Path.Combine(Root!, "kernels", version);
        return new EifBuilder()
            .WithKernel(Path.Combine(directory, "vmlinuz"))
            .WithDefaultMemory(256 << 20)
            .WithDefaultCpus(1)
            .AddRamdisk(NitroRamdisks.CreateBoot(
                GuestKit.Init,
                modules: [.. File.ReadLines(Path.Combine(directory, "load")).Select(name => Path.Combine(directory, name))]).Build())
            .AddRamdisk(application.Build());
    }

    private static string? WhyNoPart(string part) =>
        WhyNot ?? (Directory.Exists(Path.Combine(Root!, part)) ? null : $"{Variable} names {Root}, which has no {part}; guest/distribution/fetch.sh fetches it.");
}
