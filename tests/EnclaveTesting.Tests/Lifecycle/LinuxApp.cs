using EnclaveTesting.Engine.Eif;
using EnclaveTesting.Engine.Images;

namespace EnclaveTesting.Tests.Lifecycle;

/// <summary>The Linux guest kit with guest/linux's enclave-app.</summary>
internal static class LinuxApp
{
    public static EifBuilder Image(params string[] arguments) => new EifBuilder()
        .WithKernel(GuestKit.Kernel)
        .AddRamdisk(NitroRamdisks.CreateBoot(GuestKit.Init).Build())
        .AddRamdisk(NitroRamdisks.CreateApplication(["/enclave-app", .. arguments], [])
            .AddHostFile("rootfs/enclave-app", Path.Combine(AppContext.BaseDirectory, "guests", "enclave-app"), UnixFileMode.UserRead | UnixFileMode.UserExecute)
            .Build());

    /// <summary>The application in virtual time, as a server that is ready when it has told its parent.</summary>
    public static EnclaveBuilder Server => new EnclaveBuilder()
        .WithName("linux")
        .WithImage(Image())
        .WithMemory(128)
        .WithCpus(1)
        .WithTime(Engine.Machine.MachineTime.Virtual)
        .WithStartupTimeout(TimeSpan.FromMinutes(2))
        .WithOperationTimeout(TimeSpan.FromMinutes(2))
        .WithParent(parent => parent.Port(9001).ExpectLine("ready"))
        .WaitFor(Wait.ForHeartbeat().And(Wait.ForParentPort(9001)));
}
