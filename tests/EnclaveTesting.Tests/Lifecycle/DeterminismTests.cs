using System.Diagnostics;
using System.Globalization;
using System.Security.Cryptography;
using System.Text;
using EnclaveTesting.Attestation;
using EnclaveTesting.Engine.Accelerators;
using EnclaveTesting.Engine.Machine;
using EnclaveTesting.Tests.Shared;
using Xunit.Abstractions;

namespace EnclaveTesting.Tests.Lifecycle;

/// <summary>Virtual time: what an enclave does follows from its image, its seed and what its parent says, not from the host's speed.</summary>
public class DeterminismTests(ITestOutputHelper output)
{
    private static readonly int Boots = int.Parse(Environment.GetEnvironmentVariable("ENCLAVE_TEST_BOOTS") ?? "5", CultureInfo.InvariantCulture);

    [Theory]
    [InlineData(1)]
    [InlineData(2)]
    public async Task Boots_with_one_seed_are_the_same_and_with_another_are_not(int cpus)
    {
        var runs = new List<Run>();
        // Three at a time, so that the host's processors are not enough for them and their parents.
        while (runs.Count < Boots)
            runs.AddRange(await Task.WhenAll(Enumerable.Range(0, Math.Min(3, Boots - runs.Count)).Select(_ => RunAsync(1, cpus))));
        Run another = await RunAsync(2, cpus);

        foreach (Run run in runs.Distinct())
            output.WriteLine($"{runs.Count(same => same == run)} x {run}");
        output.WriteLine($"seed 2: {another}");
        runs.Distinct().Should().ContainSingle();
        another.Console.Should().NotBe(runs[0].Console);
        another.Packets.Should().NotBe(runs[0].Packets);
    }

    [Fact]
    public async Task Attestation_documents_follow_from_the_seed()
    {
        Task<(long? Instructions, string Document)> RunAsync(ulong seed) => AtItsOwnPaceAsync(() => RunOnceAsync(seed));

        async Task<((long? Instructions, string Document), string? HostPace)> RunOnceAsync(ulong seed)
        {
            await using Enclave enclave = new EnclaveBuilder()
                .WithImage(LinuxApp.Image("nsm", Convert.ToHexStringLower(Cbor.Request("Attestation", ("nonce", new byte[] { 1, 2, 3 })))))
                .WithMemory(128)
                .WithCpus(1)
                .WithTime(MachineTime.Virtual)
                .WithSeed(seed)
                .WithStartupTimeout(TimeSpan.FromMinutes(5))
                .WaitFor(Wait.ForExit())
                .Build();
            await enclave.StartAsync();
            VmExit exit = await enclave.Exited;
            // The command prints the response in hexadecimal, a map with a document of some thousand bytes.
            string response = enclave.Console.All.Lines.Single(line => line.Length > 4000);
            byte[] document = (byte[])Cbor.Member(Cbor.Decode(Convert.FromHexString(response)), "Attestation", "document");
            AttestationDocument.Parse(document).Verify(AttestationPolicy.Trusting() with { Nonce = new byte[] { 1, 2, 3 }, TimeProvider = enclave.TimeOfDay });
            return ((exit.Instructions, Hash(document)), exit.HostPace);
        }

        var runs = await Task.WhenAll(RunAsync(7), RunAsync(7), RunAsync(8));

        runs[1].Should().Be(runs[0]);
        runs[2].Document.Should().NotBe(runs[0].Document);
    }

    /// <summary>Its random numbers follow from what the loader gives it; otherwise they would be the same for all seeds.</summary>
    [Fact]
    public async Task On_a_processor_without_RDRAND_Linux_is_random_by_the_seed_too()
    {
        Task<string> RunAsync(ulong seed) => AtItsOwnPaceAsync(() => RunOnceAsync(seed));

        async Task<(string, string? HostPace)> RunOnceAsync(ulong seed)
        {
            await using Enclave enclave = new EnclaveBuilder()
                .WithImage(LinuxApp.Image("random", "16"))
                .WithMemory(128)
                .WithCpus(1)
                .WithCpuTemplate(CpuTemplate.Baseline)
                .WithTime(MachineTime.Virtual)
                .WithSeed(seed)
                .WithStartupTimeout(TimeSpan.FromMinutes(5))
                .WaitFor(Wait.ForExit())
                .Build();
            await enclave.StartAsync();
            VmExit exit = await enclave.Exited;
            string console = enclave.Console.All.Text;
            console.IndexOf("random: crng init done", StringComparison.Ordinal).Should().BeInRange(0, console.IndexOf("Kernel command line", StringComparison.Ordinal), console);
            return (enclave.Console.All.Lines.Single(line => line.Length == 32 && line.All(char.IsAsciiHexDigitLower)), exit.HostPace);
        }

        string[] runs = await Task.WhenAll(RunAsync(7), RunAsync(7), RunAsync(8));

        runs[1].Should().Be(runs[0]);
        runs[2].Should().NotBe(runs[0]);
    }

    [Fact]
    public async Task The_software_CPU_has_virtual_time_unless_told_otherwise()
    {
        async Task<long?> RunAsync(Func<EnclaveBuilder, EnclaveBuilder> change)
        {
            EnclaveBuilder builder = Guest.Of("hello").WithAccelerator(Accelerator.Software).WithCommandLine("hello.exit_after_ready")
                .WithParent(parent => parent.Port(9001).Expect("ready\n")).WaitFor(Wait.ForExit());
            await using Enclave enclave = change(builder).Build();
            await enclave.StartAsync();
            FailureReport.Render(enclave).Should().Contain("---- the same run again ----\nvirtual time, seed 0\n");
            ParentReport.Render(enclave).Should().Contain("\nRun: virtual time, seed 0\n");
            return (await enclave.Exited).Instructions;
        }

        long? asked = await RunAsync(builder => builder.WithTime(MachineTime.Virtual).WithSeed(0));
        (await RunAsync(builder => builder)).Should().Be(asked);
        (await RunAsync(builder => builder)).Should().Be(asked);
    }

    [Fact]
    public async Task A_test_that_waits_does_not_wait_for_a_guest_that_sleeps()
    {
        await using Enclave enclave = LinuxApp.Server.Build();
        await enclave.StartAsync();
        await using EnclaveClient<string, string> client = enclave.Client<string, string>(5001, Codec.Lines);

        // An hour, with a timeout of two minutes.
        (await client.SendAsync("sleep 3600000")).Should().Be("ok");
    }

    [Fact]
    public async Task Where_nobody_waits_time_passes_as_the_hosts_does()
    {
        await using Enclave enclave = LinuxApp.Server.Build();
        await enclave.StartAsync();
        await using EnclaveClient<string, string> client = enclave.Client<string, string>(5001, Codec.Lines);
        long before = await MonotonicAsync(client);
        var watch = Stopwatch.StartNew();

        long passed = 0;
        while (passed < 300_000_000)
        {
            // What stands still while a test may react does so for a second at most in all: then its time comes.
            await Task.Delay(50);
            passed = await MonotonicAsync(client) - before;
            // All that may come on top of the host's time are the instructions of the requests.
            passed.Should().BeLessThan((watch.ElapsedMilliseconds + 100) * 1_000_000);
        }

        (await enclave.StopAsync()).HostPace.Should().NotBeNull("what the enclave does next, it does at another moment each time");
    }

    /// <summary>As far as the host lets the test do the next thing within 100 ms: runs in which it does not say so, and are not compared.</summary>
    [Fact]
    public async Task Requests_of_HTTP_come_at_the_same_moments()
    {
        var runs = new List<(string Now, string? HostPace)>();
        for (int i = 0; i < 4; i++)
        {
            await using Enclave enclave = LinuxApp.Server.Build();
            await enclave.StartAsync();
            var watch = Stopwatch.StartNew();
            using HttpClient http = enclave.CreateHttpClient(8080);
            for (int request = 0; request < 5; request++)
            {
                (await http.GetStringAsync(new Uri("health", UriKind.Relative))).Should().NotBeEmpty();
                using HttpResponseMessage echo = await http.PostAsync(new Uri("echo", UriKind.Relative), new ByteArrayContent(new byte[request * 20_000]));
                (await echo.Content.ReadAsByteArrayAsync()).Should().HaveCount(request * 20_000);
            }

            await using EnclaveClient<string, string> client = enclave.Client<string, string>(5001, Codec.Lines);
            runs.Add((await client.SendAsync("time"), enclave.Machine.HostPace));
            output.WriteLine($"{runs[^1]} in {watch.ElapsedMilliseconds} ms");
        }

        runs.Where(run => run.HostPace is null).Select(run => run.Now).Distinct().Should().HaveCountLessThanOrEqualTo(1);
    }

    [Fact]
    public async Task A_failed_boot_names_the_seed()
    {
        await using Enclave enclave = Guest.Of("panic").WithAccelerator(Accelerator.Software).WithSeed(7).Build();

        (await enclave.Awaiting(it => it.StartAsync()).Should().ThrowAsync<EnclaveBootException>()).Which.Message.Should().Contain("\nRun: virtual time, seed 7");
    }

    [Theory]
    [InlineData(1)]
    [InlineData(2)]
    public async Task To_be_saved_makes_no_difference_to_an_enclave(int cpus)
    {
        Task<(long?, string)> RunAsync(bool isSaved) => AtItsOwnPaceAsync(() => RunOnceAsync(isSaved));

        async Task<((long?, string), string? HostPace)> RunOnceAsync(bool isSaved)
        {
            await using Enclave enclave = new EnclaveBuilder()
                .WithImage(LinuxApp.Image("random", "16"))
                .WithMemory(64)
                .WithCpus(cpus)
                .WithTime(MachineTime.Virtual)
                .WithStartupTimeout(TimeSpan.FromMinutes(5))
                .WaitFor(Wait.ForExit())
                .Build();
            Task starting = enclave.StartAsync();
            int saved = 0;
            while (isSaved && saved < 30 && !starting.IsCompleted)
            {
                try
                {
                    await enclave.Machine.CaptureAsync();
                    saved++;
                }
                catch (InvalidOperationException)
                {
                    // Not started yet, or over.
                    await Task.Yield();
                }
            }

            await starting;
            output.WriteLine($"saved {saved} times");
            (saved > 0).Should().Be(isSaved);
            VmExit exit = await enclave.Exited;
            return ((exit.Instructions, enclave.Console.All.Text), exit.HostPace);
        }

        (await RunAsync(isSaved: true)).Should().Be(await RunAsync(isSaved: false));
    }

    [Fact]
    public async Task The_parents_delays_are_the_enclaves_time()
    {
        await using Enclave enclave = LinuxApp.Server.WithParent(parent => parent.Port(7000).ExpectLine("wait").Delay(TimeSpan.FromHours(1)).ReplyLine("done")).Build();
        await enclave.StartAsync();
        await using EnclaveClient<string, string> client = enclave.Client<string, string>(5001, Codec.Lines);
        long before = await MonotonicAsync(client);

        (await client.SendAsync("ask 7000 wait")).Should().Be("done");

        // An hour, and what the host took to ask, which is some milliseconds on an idle machine.
        (await MonotonicAsync(client) - before).Should().BeInRange(3_600_000_000_000, 2 * 3_600_000_000_000);
    }

    [Fact]
    public async Task A_handler_that_waits_for_the_test_does_not_stop_the_enclave()
    {
        TaskCompletionSource begun = new(), release = new();
        await using Enclave enclave = LinuxApp.Server.WithParent(parent => parent.Port(7000).Handle(async (peer, token) =>
        {
            begun.SetResult();
            await release.Task.WaitAsync(token);
            await peer.WriteLineAsync("at last", token);
        })).Build();
        await enclave.StartAsync();
        await using EnclaveClient<string, string> asking = enclave.Client<string, string>(5001, Codec.Lines), other = enclave.Client<string, string>(5001, Codec.Lines);
        Task<string> answer = asking.SendAsync("ask 7000 hello");
        await begun.Task;

        (await other.SendAsync("sleep 100")).Should().Be("ok", "its time goes on, as the host's does");
        release.SetResult();

        (await answer).Should().Be("at last");
        FailureReport.Render(enclave).Should().MatchRegex("virtual time, seed 0; the host's pace from instruction [0-9]+ on: a script or handler of the parent has worked for a second\n");
        (await enclave.StopAsync()).HostPace.Should().StartWith("the host's pace from instruction ");
    }

    private static async Task<long> MonotonicAsync(EnclaveClient<string, string> client) =>
        long.Parse((await client.SendAsync("time")).Split(' ')[3], CultureInfo.InvariantCulture);

    private Task<Run> RunAsync(ulong seed, int cpus) => AtItsOwnPaceAsync(() => RunOnceAsync(seed, cpus));

    // On a host so busy that the parent's work takes a second its speed has a part in the run, which says so.
    private async Task<T> AtItsOwnPaceAsync<T>(Func<Task<(T Result, string? HostPace)>> run)
    {
        const int attempts = 10;
        for (int attempt = 0; attempt < attempts; attempt++)
        {
            (T result, string? hostPace) = await run();
            if (hostPace is null)
                return result;
            output.WriteLine(hostPace);
        }

        throw new InvalidOperationException($"The host's speed had its part in {attempts} runs.");
    }

    private static async Task<(Run Run, string? HostPace)> RunOnceAsync(ulong seed, int cpus)
    {
        await using Enclave enclave = new EnclaveBuilder()
            .WithImage(LinuxApp.Image("ask", "7001", "hello"))
            .WithMemory(128)
            .WithCpus(cpus)
            .WithTime(MachineTime.Virtual)
            .WithSeed(seed)
            .WithCapture()
            .WithStartupTimeout(TimeSpan.FromMinutes(5))
            .WithParent(parent => parent.Port(7001).Delay(TimeSpan.FromMilliseconds(1234)).Handle(async (peer, token) =>
            {
                // With work of its own, in several steps on whatever threads the pool has.
                string line = await peer.ReadLineAsync(token) ?? "";
                byte[] hash = await Task.Run(() => SHA256.HashData(new byte[5_000_000]), token);
                await peer.WriteAsync(line + " ", token);
                await Task.Yield();
                await peer.WriteLineAsync(Convert.ToHexStringLower(hash), token);
            }))
            .WaitFor(Wait.ForExit())
            .Build();
        await enclave.StartAsync();
        VmExit exit = await enclave.Exited;
        exit.Reason.Should().Be(VmExitReason.Reboot, enclave.Console.All.Text);
        enclave.Console.All.Text.Should().Contain("\nhello ").And.Contain("enclave-app exited with status 0");
        using var packets = new MemoryStream();
        enclave.Capture!.Save(packets);
        return (new Run(exit.Instructions!.Value, Hash(Encoding.UTF8.GetBytes(enclave.Console.All.Text)), Hash(packets.ToArray())), exit.HostPace);
    }

    private static string Hash(byte[] bytes) => Convert.ToHexStringLower(SHA256.HashData(bytes))[..16];

    private sealed record Run(long Instructions, string Console, string Packets);
}
