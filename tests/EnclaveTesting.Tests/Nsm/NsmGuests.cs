using EnclaveTesting.Engine.Accelerators;
using EnclaveTesting.Engine.Eif;
using EnclaveTesting.Engine.Images;
using EnclaveTesting.Tests.Lifecycle;

namespace EnclaveTesting.Tests.Nsm;

/// <summary>One enclave of each kind for a test class, booted when a test first asks for it. All serve the bridge on port 5003.</summary>
public sealed class NsmGuests : IAsyncLifetime
{
    private readonly Dictionary<NsmGuestKind, Enclave> _enclaves = [];

    public static EnclaveBuilder Builder(NsmGuestKind kind) => (IsLinux(kind) ? Linux() : Guest.Of("nsm").WithCommandLine("nsm.serve"))
        .WithName(kind.ToString())
        .WithAccelerator(kind is NsmGuestKind.BareMetalOnKvm or NsmGuestKind.LinuxOnKvm ? Accelerator.Kvm : Accelerator.Software)
        .WithStartupTimeout(TimeSpan.FromMinutes(3))
        .WithParent(parent => parent.Port(9001).Expect("ready\n"))
        .WaitFor(Wait.ForHeartbeat().And(Wait.ForParentPort(9001)));

    public static bool IsLinux(NsmGuestKind kind) => kind is NsmGuestKind.LinuxOnKvm or NsmGuestKind.LinuxOnSoftware;

    public Task InitializeAsync() => Task.CompletedTask;

    /// <summary>The enclave that all tests of the class share; what they change in it must not matter to the others.</summary>
    public async Task<Enclave> SharedAsync(NsmGuestKind kind)
    {
        if (_enclaves.TryGetValue(kind, out Enclave? enclave))
            return enclave;
        return _enclaves[kind] = await StartAsync(Builder(kind));
    }

    public static async Task<Enclave> StartAsync(EnclaveBuilder builder)
    {
        Enclave enclave = builder.Build();
        await enclave.StartAsync();
        return enclave;
    }

    public async Task DisposeAsync()
    {
        foreach (Enclave enclave in _enclaves.Values)
            await enclave.DisposeAsync();
    }

    private static EnclaveBuilder Linux()
    {
        const UnixFileMode Executable = UnixFileMode.UserRead | UnixFileMode.UserExecute;
        byte[] application = File.ReadAllBytes(Path.Combine(AppContext.BaseDirectory, "guests", "enclave-app"));
        return new EnclaveBuilder().WithImage(new EifBuilder()
            .WithKernel(GuestKit.Kernel)
            .WithDefaultMemory(256 << 20)
            .WithDefaultCpus(1)
            .AddRamdisk(NitroRamdisks.CreateBoot(GuestKit.Init).Build())
            .AddRamdisk(NitroRamdisks.CreateApplication(["/enclave-app"], []).AddFile("rootfs/enclave-app", application, Executable).Build()));
    }
}
