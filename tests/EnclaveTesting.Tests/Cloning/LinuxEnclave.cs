using EnclaveTesting.Engine.Eif;
using EnclaveTesting.Engine.Images;

namespace EnclaveTesting.Tests.Cloning;

/// <summary>The Linux guest kit with guest/linux's enclave-app as its application.</summary>
internal static class LinuxEnclave
{
    private const UnixFileMode Executable = (UnixFileMode)0b111_101_101;

    /// <summary>An image as nitro-cli would pack it.</summary>
    public static EifBuilder Image()
    {
        byte[] application = File.ReadAllBytes(Path.Combine(AppContext.BaseDirectory, "guests", "enclave-app"));
        return new EifBuilder()
            .WithKernel(GuestKit.Kernel)
            .WithDefaultMemory(128 << 20)
            .WithDefaultCpus(1)
            .AddRamdisk(NitroRamdisks.CreateBoot(GuestKit.Init).Build())
            .AddRamdisk(NitroRamdisks.CreateApplication(["/enclave-app"], ["GREETING=hello"]).AddFile("rootfs/enclave-app", application, Executable).Build());
    }

    public static EnclaveBuilder Builder() => new EnclaveBuilder().WithName("linux").WithImage(Image()).WithStartupTimeout(TimeSpan.FromMinutes(5))
        .WithParent(parent => parent.Port(9001).Expect("ready\n"))
        .WaitFor(Wait.ForHeartbeat().And(Wait.ForParentPort(9001)));

    /// <summary>Boots it until its application is ready.</summary>
    public static async Task<Enclave> StartAsync(Func<EnclaveBuilder, EnclaveBuilder> change)
    {
        Enclave enclave = change(Builder()).Build();
        await enclave.StartAsync();
        return enclave;
    }
}
