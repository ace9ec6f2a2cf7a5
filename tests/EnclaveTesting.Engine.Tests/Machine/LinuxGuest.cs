using EnclaveTesting.Engine.Eif;
using EnclaveTesting.Engine.Images;

namespace EnclaveTesting.Engine.Tests.Machine;

/// <summary>The Linux guest kit as nitro-cli would pack it, with guest/linux's enclave-app as the application.</summary>
internal static class LinuxGuest
{
    private const UnixFileMode Executable = (UnixFileMode)0b111_101_101;

    /// <summary>An image whose command is enclave-app with these arguments.</summary>
    public static EifBuilder Image(params string[] arguments) => Image(Application(arguments));

    /// <summary>An image with this application.</summary>
    public static EifBuilder Image(CpioArchive application) =>
        new EifBuilder()
            .WithKernel(GuestKit.Kernel)
            .WithDefaultMemory(128 << 20)
            .WithDefaultCpus(1)
            .AddRamdisk(NitroRamdisks.CreateBoot(GuestKit.Init).Build())
            .AddRamdisk(application.Build());

    /// <summary>enclave-app with these arguments as the application's ramdisk.</summary>
    public static CpioArchive Application(params string[] arguments) =>
        NitroRamdisks.CreateApplication(["/enclave-app", .. arguments], ["GREETING=hello"])
            .AddFile("rootfs/enclave-app", File.ReadAllBytes(Path.Combine(AppContext.BaseDirectory, "guests", "enclave-app")), Executable);
}
