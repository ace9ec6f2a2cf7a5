using System.Globalization;
using System.Text;
using EnclaveTesting.Engine.Accelerators;
using EnclaveTesting.Engine.Devices.Nsm;
using EnclaveTesting.Engine.Devices.Vsock;
using EnclaveTesting.Engine.Machine;
using EnclaveTesting.Engine.Memory;
using EnclaveTesting.Engine.State;
using EnclaveTesting.Engine.Tests.Machine;

namespace EnclaveTesting.Engine.Tests.State;

/// <summary>Machines that go on where another one stood.</summary>
public class MachineSnapshotTests
{
    private static readonly MicroVmOptions OnSoftware = new() { Accelerator = Accelerator.Software };

    [Theory]
    [OnKvm(true)]
    [OnKvm(false)]
    [OnSoftware(true)]
    [OnSoftware(false)]
    public async Task Clones_answer_and_so_does_their_original(Accelerator accelerator, bool shared)
    {
        var options = new MicroVmOptions { Accelerator = accelerator };
        await using BareMetalGuest original = await BareMetalGuest.StartHelloAsync(options);
        // The last that it prints by itself.
        await original.WaitForConsoleAsync("ready: told parent");
        using MachineSnapshot snapshot = await original.Machine.CaptureAsync(shared);
        await using BareMetalGuest one = BareMetalGuest.Restore(snapshot, options);
        await using BareMetalGuest other = BareMetalGuest.Restore(snapshot, options);

        (await one.CommandAsync("echo one")).Should().Be("one");
        (await original.CommandAsync("echo original")).Should().Be("original");
        (await other.CommandAsync("console other")).Should().Be("ok");
        await other.WaitForConsoleAsync("other\n");
        one.Console.Should().BeEmpty("it has printed nothing of its own");
        await using VsockStream exit = await one.Machine.Vsock.ConnectAsync(5001);
        await exit.WriteAsync("exit\n"u8.ToArray());

        (await one.ExitAsync()).Reason.Should().Be(VmExitReason.Reboot);
        (await other.CommandAsync("ping")).Should().Be("pong", "its sibling's end is not its own");
    }

    [Fact]
    public async Task Linux_is_cloned_with_its_application()
    {
        var options = OnSoftware with { Cpus = 2 };
        await using BareMetalGuest original = await BareMetalGuest.StartUntilReadyAsync(LinuxGuest.Image(), options);
        using MachineSnapshot snapshot = await original.Machine.CaptureAsync();
        await using BareMetalGuest clone = BareMetalGuest.Restore(snapshot, options);
        await using BareMetalGuest clonesClone = BareMetalGuest.Restore(await clone.Machine.CaptureAsync(), options);

        foreach (BareMetalGuest guest in (BareMetalGuest[])[clonesClone, clone, original])
            (await guest.CommandAsync("env GREETING")).Should().Be("hello");
    }

    [Theory]
    [InlineData(1)]
    [InlineData(2)]
    public async Task In_virtual_time_a_clone_equals_its_original(int cpus)
    {
        MicroVmOptions options = OnSoftware with { Time = MachineTime.Virtual, Seed = 7, Cpus = cpus };
        await using BareMetalGuest original = await BareMetalGuest.StartHelloAsync(options);
        // The last that it prints by itself.
        await original.WaitForConsoleAsync("ready: told parent on port 9001\n");
        using MachineSnapshot snapshot = await original.Machine.CaptureAsync();
        string before = original.Console;
        await using BareMetalGuest clone = BareMetalGuest.Restore(snapshot, options);

        string[] commands = ["ping", "console some line", "echo back", "connect 9999", "cid", "flood 9998 100"];
        List<string> originals = [], clones = [];
        foreach (string command in commands)
        {
            originals.Add(await original.CommandAsync(command));
            clones.Add(await clone.CommandAsync(command));
        }

        clones.Should().Equal(originals);
        (before + clone.Console).Should().Be(original.Console);
    }

    [Fact]
    public async Task The_host_s_connections_do_not_live_on_and_the_guest_is_told()
    {
        await using BareMetalGuest original = await BareMetalGuest.StartHelloAsync(OnSoftware);
        using VsockListener held = original.Machine.Vsock.Listen(7000);
        await using VsockStream commands = await original.Machine.Vsock.ConnectAsync(5001);
        await commands.WriteAsync("connect 7000\n"u8.ToArray());
        await using VsockStream open = await original.WithinAsync(held.AcceptAsync().AsTask());
        byte[] greeting = new byte["hello from enclave\n".Length];
        await original.WithinAsync(open.ReadExactlyAsync(greeting).AsTask());
        using MachineSnapshot snapshot = await original.Machine.CaptureAsync();
        await using BareMetalGuest clone = BareMetalGuest.Restore(snapshot, OnSoftware);

        // The guest waited for its parent on that connection, and takes no other command until it has ended.
        (await clone.CommandAsync("ping")).Should().Be("pong");
        clone.Machine.Vsock.ConnectionCount.Should().Be(0);
        await open.WriteAsync("still here\n"u8.ToArray());
        open.CompleteWriting();
        await original.WaitForConsoleAsync("still here\n");
    }

    [Fact]
    public async Task Registers_of_the_security_module_are_the_clone_s_own()
    {
        MicroVmOptions options = OnSoftware with { ExtraCommandLine = "nsm.serve", Nsm = new NsmOptions { InstanceId = "i-0fedcba9876543210" } };
        await using BareMetalGuest original = await BareMetalGuest.StartUntilReadyAsync(BareMetalGuest.Image("nsm"), options);
        using MachineSnapshot snapshot = await original.Machine.CaptureAsync();
        await using BareMetalGuest clone = BareMetalGuest.Restore(snapshot, options);

        // { "ExtendPCR": { "index": 16, "data": h'01' } }
        byte[] extend = Convert.FromHexString("a169457874656e64504352a265696e6465781064646174614101");
        await using VsockStream stream = await clone.Machine.Vsock.ConnectAsync(5003);
        await stream.WriteAsync((byte[])[0, 0, 0, (byte)extend.Length, .. extend]);
        byte[] length = new byte[4];
        await clone.WithinAsync(stream.ReadExactlyAsync(length).AsTask());

        clone.Machine.Pcrs![16].IsZero.Should().BeFalse();
        original.Machine.Pcrs![16].IsZero.Should().BeTrue();
        clone.Machine.Pcrs[4].Should().Be(original.Machine.Pcrs[4]);
    }

    [Fact]
    public async Task A_panic_that_had_begun_is_still_one()
    {
        await using BareMetalGuest original = await BareMetalGuest.StartHelloAsync(OnSoftware);
        using MachineSnapshot snapshot = await original.Machine.CaptureAsync();
        await using BareMetalGuest clone = BareMetalGuest.Restore(snapshot, OnSoftware);
        await using VsockStream stream = await clone.Machine.Vsock.ConnectAsync(5001);
        await stream.WriteAsync("panic\n"u8.ToArray());

        VmExit exit = await clone.ExitAsync();

        exit.Reason.Should().Be(VmExitReason.Panic);
        exit.Detail.Should().Contain("requested");
    }

    [Fact]
    public async Task The_time_that_a_machine_lay_saved_has_passed_for_it()
    {
        var clock = new SettableTime(new DateTimeOffset(2026, 5, 1, 12, 0, 0, TimeSpan.Zero));
        MicroVmOptions options = OnSoftware with { Time = MachineTime.Host, TimeProvider = clock };
        await using BareMetalGuest original = await BareMetalGuest.StartUntilReadyAsync(LinuxGuest.Image(), options);
        using MachineSnapshot snapshot = await original.Machine.CaptureAsync();
        clock.Now += TimeSpan.FromDays(3);
        await using BareMetalGuest clone = BareMetalGuest.Restore(snapshot, options);

        RealTime(await clone.CommandAsync("time")).Should().BeCloseTo(clock.Now, TimeSpan.FromMinutes(5));
        RealTime(await original.CommandAsync("time")).Should().BeCloseTo(clock.Now - TimeSpan.FromDays(3), TimeSpan.FromMinutes(5));
    }

    [Fact]
    public async Task Randomness_is_fresh_unless_a_seed_was_given()
    {
        async Task<(string Original, string Clone)> DrawAsync(ulong? seed)
        {
            MicroVmOptions options = OnSoftware with { Time = MachineTime.Host, Seed = seed, ExtraCommandLine = "nsm.serve" };
            await using BareMetalGuest original = await BareMetalGuest.StartUntilReadyAsync(BareMetalGuest.Image("nsm"), options);
            using MachineSnapshot snapshot = await original.Machine.CaptureAsync();
            await using BareMetalGuest clone = BareMetalGuest.Restore(snapshot, options);
            return (await RandomAsync(original), await RandomAsync(clone));
        }

        (string originals, string clones) = await DrawAsync(null);
        (string seededOriginals, string seededClones) = await DrawAsync(5);

        clones.Should().NotBe(originals);
        seededClones.Should().Be(seededOriginals);
    }

    [Theory]
    [OnKvm(false)]
    [OnSoftware(false)]
    [OnSoftware(true)]
    public async Task A_clone_that_draws_random_numbers_of_its_own_has_another_generation_id(Accelerator accelerator, bool isSeeded)
    {
        var options = new MicroVmOptions { Accelerator = accelerator, Time = MachineTime.Host, Seed = isSeeded ? 7 : null };
        await using BareMetalGuest original = await BareMetalGuest.StartHelloAsync(options);
        using MachineSnapshot snapshot = await original.Machine.CaptureAsync();
        await using BareMetalGuest one = BareMetalGuest.Restore(snapshot, options);
        await using BareMetalGuest other = BareMetalGuest.Restore(snapshot, options);
        using MachineSnapshot oneAgain = await one.Machine.CaptureAsync();
        await using BareMetalGuest clonesClone = BareMetalGuest.Restore(oneAgain, options);

        string[] ids = [GenerationId(snapshot), GenerationId(oneAgain), await GenerationIdAsync(other), await GenerationIdAsync(clonesClone)];

        (await clonesClone.CommandAsync("ping")).Should().Be("pong");
        if (isSeeded)
            ids.Should().AllBe(new string('0', 32), "one that goes on as its original would have was never told of it");
        else
            ids.Should().OnlyHaveUniqueItems();
    }

    [Theory]
    [InlineData(1)]
    [InlineData(2)]
    public async Task Linux_is_told_that_it_was_cloned_and_draws_other_random_numbers(int cpus)
    {
        MicroVmOptions options = OnSoftware with { Time = MachineTime.Host, Cpus = cpus };
        await using BareMetalGuest original = await BareMetalGuest.StartUntilReadyAsync(LinuxGuest.Image(), options);
        using MachineSnapshot snapshot = await original.Machine.CaptureAsync();
        await using BareMetalGuest one = BareMetalGuest.Restore(snapshot, options);
        await using BareMetalGuest other = BareMetalGuest.Restore(snapshot, options);
        string first = await one.ForkedRandomAsync();
        using MachineSnapshot oneAgain = await one.Machine.CaptureAsync();
        await using BareMetalGuest clonesClone = BareMetalGuest.Restore(oneAgain, options);

        string[] numbers = [first, await other.ForkedRandomAsync(), await one.CommandAsync("random 32"), await clonesClone.ForkedRandomAsync()];

        numbers.Should().OnlyHaveUniqueItems().And.OnlyContain(number => number.Length == 64);
        original.Console.Should().NotContain(LinuxConversation.Forked).And.NotContain("ACPI Error");
        one.Machine.Diagnostics.Should().BeEmpty();
    }

    // A kernel that is not told, too, renews its key once it is old enough.
    [Fact]
    public async Task Clones_that_have_slept_draw_random_numbers_of_their_own()
    {
        var clock = new SettableTime(new DateTimeOffset(2026, 5, 1, 12, 0, 0, TimeSpan.Zero));
        MicroVmOptions options = OnSoftware with { Time = MachineTime.Host, TimeProvider = clock, Acpi = false };
        await using BareMetalGuest original = await BareMetalGuest.StartUntilReadyAsync(LinuxGuest.Image(), options);
        using MachineSnapshot snapshot = await original.Machine.CaptureAsync();
        clock.Now += TimeSpan.FromMinutes(5);
        await using BareMetalGuest one = BareMetalGuest.Restore(snapshot, options);
        await using BareMetalGuest other = BareMetalGuest.Restore(snapshot, options);

        // The kernel renews its key on a thread of its own, which may come after the first draw.
        bool differ = false;
        for (int i = 0; i < 1000 && !differ; i++)
            differ = await one.CommandAsync("random 16") != await other.CommandAsync("random 16");

        differ.Should().BeTrue();
    }

    [Fact]
    public async Task Options_that_contradict_what_was_saved_are_refused()
    {
        await using BareMetalGuest original = await BareMetalGuest.StartHelloAsync(OnSoftware);
        using MachineSnapshot snapshot = await original.Machine.CaptureAsync();

        foreach (MicroVmOptions wrong in (MicroVmOptions[])[OnSoftware with { GuestCid = 17 }, OnSoftware with { Nsm = null }, OnSoftware with { Time = MachineTime.Host }])
        {
            snapshot.Invoking(saved => MicroVm.Restore(saved, wrong)).Should().Throw<ArgumentException>();
        }
    }

    [Fact]
    public async Task A_machine_that_does_not_run_cannot_be_saved()
    {
        await using BareMetalGuest guest = BareMetalGuest.Start("hello", OnSoftware, start: false);
        await guest.Machine.Invoking(machine => machine.CaptureAsync()).Should().ThrowAsync<InvalidOperationException>();
        guest.Machine.Start();
        await guest.Machine.StopAsync();

        await guest.Machine.Invoking(machine => machine.CaptureAsync()).Should().ThrowAsync<InvalidOperationException>();
    }

    [Fact]
    public async Task Machines_are_saved_while_they_work()
    {
        await using BareMetalGuest original = await BareMetalGuest.StartHelloAsync(OnSoftware);
        await using VsockStream echo = await original.Machine.Vsock.ConnectAsync(5000);
        byte[] sent = new byte[1 << 20];
        new Random(3).NextBytes(sent);
        Task writing = echo.WriteAsync(sent).AsTask();
        byte[] received = new byte[sent.Length];
        Task reading = echo.ReadExactlyAsync(received).AsTask();
        for (int i = 0; i < 5; i++)
        {
            using MachineSnapshot snapshot = await original.Machine.CaptureAsync();
            await using BareMetalGuest clone = BareMetalGuest.Restore(snapshot, OnSoftware);
            (await clone.CommandAsync("ping")).Should().Be("pong");
        }

        await original.WithinAsync(Task.WhenAll(writing, reading));
        received.Should().Equal(sent);
    }

    private static async Task<string> GenerationIdAsync(BareMetalGuest guest)
    {
        using MachineSnapshot snapshot = await guest.Machine.CaptureAsync();
        return GenerationId(snapshot);
    }

    private static string GenerationId(MachineSnapshot snapshot)
    {
        using GuestMemory memory = snapshot.Memory.Clone();
        return Convert.ToHexString(memory.GetSpan(new GuestAddress(MemoryLayout.GenerationId), 16));
    }

    // "realtime NANOSECONDS monotonic ..."
    private static DateTimeOffset RealTime(string reply) =>
        DateTimeOffset.UnixEpoch.AddTicks(long.Parse(reply.Split(' ')[1], CultureInfo.InvariantCulture) / TimeSpan.NanosecondsPerTick);

    private static async Task<string> RandomAsync(BareMetalGuest guest)
    {
        byte[] request = Encoding.ASCII.GetBytes("iGetRandom");
        await using VsockStream stream = await guest.Machine.Vsock.ConnectAsync(5003);
        await guest.WithinAsync(stream.WriteAsync((byte[])[0, 0, 0, (byte)request.Length, .. request]).AsTask());
        byte[] length = new byte[4];
        await guest.WithinAsync(stream.ReadExactlyAsync(length).AsTask());
        byte[] reply = new byte[(length[2] << 8) | length[3]];
        await guest.WithinAsync(stream.ReadExactlyAsync(reply).AsTask());
        return Convert.ToHexString(reply);
    }

    private sealed class SettableTime(DateTimeOffset now) : TimeProvider
    {
        public DateTimeOffset Now { get; set; } = now;

        public override DateTimeOffset GetUtcNow() => Now;
    }
}
