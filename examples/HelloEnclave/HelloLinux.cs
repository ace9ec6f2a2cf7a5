using EnclaveTesting.Engine.Eif;
using EnclaveTesting.Engine.Images;
using EnclaveTesting.Engine.Machine;

namespace HelloEnclave;

/// <summary>
/// Boots Linux with the application of guest/apps, in an image of nitro-cli's shape that is built here: kernel and init come with the library. In
/// virtual time, so that every boot is the same.
/// </summary>
public sealed class HelloLinux : EnclaveFixture
{
    protected override EnclaveBuilder Configure(EnclaveBuilder enclave) => enclave
        .WithImage(new EifBuilder()
            .WithKernel(GuestKit.Kernel)
            .AddRamdisk(NitroRamdisks.CreateBoot(GuestKit.Init).Build())
            .AddRamdisk(NitroRamdisks.CreateApplication(["/enclave-app"], ["GREETING=hello"])
                .AddHostFile("rootfs/enclave-app", Path.Combine(AppContext.BaseDirectory, "enclave-app"), UnixFileMode.UserRead | UnixFileMode.UserExecute)
                .Build()))
        .WithMemory(256)
        .WithCpus(1)
        .WithTime(MachineTime.Virtual)
        .WithSeed(1)
        .WithEnvironment("GREETING", "hello from the test")
        .WithSnapshots(snapshots => snapshots.WithoutScrubbers())      // time stamps and addresses are the same in every boot, on every host
        .WithParent(parent => parent.Port(9001).ExpectLine("ready"))
        .WaitFor(Wait.ForHeartbeat().And(Wait.ForParentPort(9001)));
}
