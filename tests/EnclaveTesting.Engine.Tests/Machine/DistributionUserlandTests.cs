using System.Numerics;
using System.Security.Cryptography;
using System.Text;
using System.Text.Json;
using EnclaveTesting.Engine.Accelerators;
using EnclaveTesting.Engine.Devices.Vsock;
using EnclaveTesting.Engine.Eif;
using EnclaveTesting.Engine.Images;
using EnclaveTesting.Engine.Machine;

namespace EnclaveTesting.Engine.Tests.Machine;

/// <summary>Programs that nobody made for enclaves, as Debian and the .NET SDK build them, answering on port 5001.</summary>
public class DistributionUserlandTests
{
    private const string GuestKitKernel = "guest kit", CloudKernel = "6.12";
    private const string Text = "The quick brown fox jumps over the lazy dog";
    private static readonly TimeSpan Patience = TimeSpan.FromMinutes(4);

    [DistributionTheory]
    [Fetched(GuestKitKernel, Userland = "busybox")]
    [Fetched(CloudKernel, Kernel = CloudKernel, Userland = "busybox")]
    public async Task Busybox_answers(string kernel)
    {
        await using BareMetalGuest linux = await StartAsync(kernel, Distribution.Userland("busybox", Serve("/bin/busybox ash /answer.sh")), "listening on ");

        (await linux.CommandAsync(Text)).Should().Be($"{Sha256(Text)} {Text.Length} {Text.ToUpperInvariant()}");
    }

    [DistributionTheory]
    [Fetched(GuestKitKernel, Userland = "glibc")]
    [Fetched(CloudKernel, Kernel = CloudKernel, Userland = "glibc")]
    public async Task A_dynamically_linked_glibc_program_answers(string kernel)
    {
        await using BareMetalGuest linux = await StartAsync(kernel, Distribution.Userland("glibc", Serve("/usr/bin/openssl dgst -sha256 -r")), "listening on ");

        // The command's line end is hashed with it.
        (await linux.CommandAsync(Text)).Should().Be($"{Sha256(Text + "\n")} *stdin");
    }

    [DistributionTheory]
    [Fetched(GuestKitKernel, Userland = "python")]
    [Fetched(CloudKernel, Kernel = CloudKernel, Userland = "python")]
    public async Task Python_answers(string kernel)
    {
        await using BareMetalGuest linux = await StartAsync(kernel, Distribution.Userland("python", "/usr/bin/python3.11", "/answer.py"));

        JsonElement reply = await AskAsync(linux, new { text = Text, number = 2.0 });

        reply.GetProperty("python").GetString().Should().StartWith("3.11.");
        reply.GetProperty("sha256").GetString().Should().Be(Sha256(Text));
        reply.GetProperty("reversed").GetString().Should().Be(string.Concat(Text.Reverse()));
        reply.GetProperty("power").GetString().Should().Be(BigInteger.Pow(7, 1234).ToString());
        reply.GetProperty("root").GetDouble().Should().Be(Math.Sqrt(2));
    }

    [DistributionTheory]
    [Fetched(GuestKitKernel, Userland = "dotnet")]
    [Fetched(CloudKernel, Kernel = CloudKernel, Userland = "dotnet")]
    public async Task A_self_contained_dotnet_application_answers(string kernel)
    {
        await using BareMetalGuest linux = await StartAsync(kernel, Distribution.Userland("dotnet", "/app/answer"));

        for (int i = 0; i < 2; i++)
        {
            JsonElement reply = await AskAsync(linux, new { text = Text, numbers = new[] { 0.1, 0.2, 0.7, i } });

            reply.GetProperty("runtime").GetString().Should().StartWith("10.");
            reply.GetProperty("reversed").GetString().Should().Be(string.Concat(Text.Reverse()));
            reply.GetProperty("words").GetInt32().Should().Be(9);
            reply.GetProperty("mean").GetDouble().Should().Be(new[] { 0.1, 0.2, 0.7, i }.Average());
            reply.GetProperty("power").GetString().Should().Be(BigInteger.Pow(7, 1234).ToString());
        }
    }

    // -t: how long the program may take after the request's end; half a second if not said.
    private static string[] Serve(string program) => ["/usr/bin/socat", "-dd", "-t", "100", "VSOCK-LISTEN:5001,fork", "EXEC:" + program];

    private static string Sha256(string text) => Convert.ToHexStringLower(SHA256.HashData(Encoding.ASCII.GetBytes(text)));

    private static async Task<JsonElement> AskAsync(BareMetalGuest linux, object request) =>
        JsonDocument.Parse(await linux.CommandAsync(JsonSerializer.Serialize(request))).RootElement;

    /// <summary>Starts a userland and waits until it is ready: it says so on the console, or else to its parent.</summary>
    private static async Task<BareMetalGuest> StartAsync(string kernel, CpioArchive userland, string? console = null)
    {
        const long memory = 768L << 20;
        EifBuilder image = kernel == GuestKitKernel ? LinuxGuest.Image(userland) : Distribution.Kernel(kernel, userland);
        var options = new MicroVmOptions { Accelerator = Accelerator.Software, Acpi = kernel != GuestKitKernel, MemoryBytes = memory };
        if (console is null)
            return await BareMetalGuest.StartUntilReadyAsync(image, options, Patience);

        BareMetalGuest linux = BareMetalGuest.Start(image, options, start: false, Patience);
        using VsockListener heartbeat = linux.Machine.Vsock.Listen(9000);
        linux.Machine.Start();
        await linux.AnswerAsync(heartbeat);
        await linux.WaitForConsoleAsync(console);
        return linux;
    }
}
