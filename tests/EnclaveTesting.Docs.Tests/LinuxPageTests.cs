using EnclaveTesting.Engine.Eif;
using EnclaveTesting.Engine.Images;
using EnclaveTesting.Engine.Machine;

namespace EnclaveTesting.Docs.Tests;

/// <summary>The code of docs/clients.md that needs an application on Linux: guest/LINUX.md says what this one serves.</summary>
public class LinuxPageTests(LinuxPageTests.LinuxApp enclave) : IClassFixture<LinuxPageTests.LinuxApp>
{
    #region image
    public sealed class LinuxApp : EnclaveFixture
    {
        private const UnixFileMode Executable = UnixFileMode.UserRead | UnixFileMode.UserExecute;

        public static readonly EifBuilder Image = new EifBuilder()
            .WithKernel(GuestKit.Kernel)
            .AddRamdisk(NitroRamdisks.CreateBoot(GuestKit.Init).Build())
            .AddRamdisk(NitroRamdisks.CreateApplication(command: ["/app"], environment: ["GREETING=hello"])
                .AddFile("rootfs/app", File.ReadAllBytes(Path.Combine(AppContext.BaseDirectory, "enclave-app")), Executable)
                .Build());

        protected override EnclaveBuilder Configure(EnclaveBuilder enclave) => enclave
            .WithImage(Image)
            .WithMemory(256)
            .WithCpus(1)
            .WaitFor(Wait.ForHttp(8080, "/health"));
    }
    #endregion

    #region virtual_time
    [EnclaveFact]
    public async Task Two_boots_print_the_same()
    {
        EnclaveBuilder builder = new EnclaveBuilder()
            .WithImage(LinuxApp.Image)
            .WithMemory(256)
            .WithCpus(1)
            .WithTime(MachineTime.Virtual)          // time is what the guest executes, so it is the same every time
            .WithSeed(1)
            .WithSnapshots(snapshots => snapshots.WithoutScrubbers());
        await using Enclave first = builder.Build(), second = builder.Build();
        await first.StartAsync();
        await second.StartAsync();

        first.Console.BootLog.Text.Should().Be(second.Console.BootLog.Text).And.Contain("[    0.");
    }
    #endregion

    #region http
    [EnclaveFact]
    public async Task Http()
    {
        using HttpClient client = enclave.CreateHttpClient(port: 8080);

        using HttpResponseMessage response = await client.PostAsync(new Uri("/echo", UriKind.Relative), new StringContent("hello"));

        response.EnsureSuccessStatusCode();
        (await response.Content.ReadAsStringAsync()).Should().Be("hello");
    }
    #endregion

    #region stream
    public sealed record Count(string Op, int To);

    public sealed record Counted(bool Ok, int Result, bool More);

    [EnclaveFact]
    public async Task Several_replies()
    {
        await using EnclaveClient<Count, Counted> client = enclave.Client<Count, Counted>(port: 5002, Codec.Json);

        var numbers = new List<int>();
        await foreach (Counted reply in client.StreamAsync(new Count("count", To: 3), hasMore: reply => reply.More))
            numbers.Add(reply.Result);

        numbers.Should().Equal(1, 2, 3);
    }
    #endregion
}
