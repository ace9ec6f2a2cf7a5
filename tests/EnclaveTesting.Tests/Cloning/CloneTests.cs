using EnclaveTesting.Engine.Accelerators;
using EnclaveTesting.Engine.Devices.Vsock;
using EnclaveTesting.Engine.Machine;
using EnclaveTesting.Tests.Lifecycle;

namespace EnclaveTesting.Tests.Cloning;

public class CloneTests
{
    [Fact]
    public async Task A_clone_is_ready_and_knows_what_its_original_knew()
    {
        await using Enclave original = await Guest.StartHelloAsync(builder => builder.WithCapture());
        await original.CommandAsync("console before");
        await using Enclave clone = await original.CloneAsync();
        await original.CommandAsync("console only the original");
        await clone.CommandAsync("console only the clone");

        clone.State.Should().Be(EnclaveState.Running);
        clone.Parent.HasHeartbeat.Should().BeTrue();
        clone.Parent.ConnectionsTo(9001).Should().ContainSingle().Which.Received.Should().Equal("ready\n"u8.ToArray());
        await clone.Parent.VerifyAllAsync();
        clone.Measurements.Should().Be(original.Measurements);
        clone.Console.BootLog.Text.Should().Be(original.Console.BootLog.Text).And.NotBeEmpty();
        clone.Console.ApplicationLog.Text.Should().Contain("before\n").And.Contain("only the clone\n").And.NotContain("only the original");
        original.Console.All.Text.Should().NotContain("only the clone");
        clone.Capture!.PacketCount.Should().BeGreaterThan(5, "the boot's packets are its own, too");
    }

    [Fact]
    public async Task Clones_end_each_for_itself()
    {
        await using Enclave original = await Guest.StartHelloAsync();
        Enclave first = await original.CloneAsync();
        await using Enclave second = await first.CloneAsync();

        await using (EnclaveConnection lines = await first.ConnectAsync(5001))
            await lines.SendLineAsync("exit");
        (await first.WaitForExitAsync()).Reason.Should().Be(VmExitReason.Reboot);
        await first.DisposeAsync();
        (await second.CommandAsync("ping")).Should().Be("pong");
        (await second.StopAsync()).Reason.Should().Be(VmExitReason.Stopped);
        (await original.CommandAsync("ping")).Should().Be("pong");
        await original.Invoking(stopped => second.CloneAsync()).Should().ThrowAsync<InvalidOperationException>().WithMessage("hello does not run any more and cannot be cloned (Stopped*");
    }

    [Fact]
    public async Task Only_an_enclave_that_is_ready_is_cloned()
    {
        string? early = null, late = null;
        await using Enclave original = await Guest.StartHelloAsync(builder => builder
            .WaitFor(Wait.Until("the clone", async (enclave, _) =>
            {
                await enclave.Parent.WaitForConnectionAsync(9001);
                early = (await enclave.Invoking(starting => starting.CloneAsync()).Should().ThrowAsync<InvalidOperationException>()).Which.Message;
            }))
            .AfterStart(async (enclave, _) =>
            {
                await using Enclave clone = await enclave.CloneAsync();
                late = await clone.CommandAsync("ping");
            }));

        early.Should().Contain("before it is ready");
        late.Should().Be("pong");
    }

    [Fact]
    public Task An_enclave_that_is_disposed_meanwhile_is_cloned_or_not() => DisposeWhileCloningAsync(Accelerator.Software);

    [OnKvmFact]
    public Task An_enclave_that_is_disposed_meanwhile_is_cloned_or_not_on_kvm() => DisposeWhileCloningAsync(Accelerator.Kvm);

    [Fact]
    public async Task A_clone_made_in_the_midst_of_the_heartbeat_has_its_answer()
    {
        await using Enclave original = await Guest.StartHelloAsync(builder => builder
            .WithParent(parent => parent.Heartbeat(Heartbeat.Late(TimeSpan.FromMilliseconds(300)))).WaitFor(Wait.ForHeartbeat()));

        await using Enclave clone = await original.CloneAsync();

        await clone.Parent.WaitForConnectionAsync(9001);
        (await clone.CommandAsync("ping")).Should().Be("pong");
    }

    [Fact]
    public async Task Connections_that_are_open_are_lost_to_the_clone_and_recorded_so()
    {
        await using Enclave original = await Guest.StartHelloAsync(builder => builder.WithParent(parent => parent.Port(7000).ExpectLine("hello from enclave").ExpectLine("never")));
        await using EnclaveConnection lines = await original.ConnectAsync(5001);
        await lines.SendLineAsync("connect 7000");
        while (original.Parent.ConnectionsTo(7000) is not [{ ReceivedCount: > 0 }])
            await Task.Yield();

        await using Enclave clone = await original.CloneAsync();

        ParentConnection lost = clone.Parent.ConnectionsTo(7000).Should().ContainSingle().Which;
        lost.State.Should().Be(ParentConnectionState.Failed);
        lost.Received.Should().Equal("hello from enclave\n"u8.ToArray());
        lost.Failure!.Message.Should().Contain("cloned");
        original.Parent.ConnectionsTo(7000)[0].State.Should().Be(ParentConnectionState.Open);
    }

    [Fact]
    public async Task Clones_run_their_parent_s_scripts()
    {
        await using Enclave original = await Guest.StartHelloAsync(builder => builder.WithParent(parent => parent.Port(7000).ExpectLine("hello from enclave").ReplyLine("hello from the parent")));
        await using Enclave clone = await original.CloneAsync();

        (await clone.CommandAsync("connect 7000")).Should().Be("ok");

        await clone.Console.WaitForLineAsync("hello from the parent");
        await clone.Parent.VerifyAllAsync();
        original.Parent.ConnectionsTo(7000).Should().BeEmpty();
    }

    [Fact]
    public async Task Hooks_before_the_start_run_for_clones_and_those_after_it_do_not()
    {
        int before = 0, after = 0;
        await using Enclave original = await Guest.StartHelloAsync(builder => builder
            .BeforeStart((_, _) => Task.FromResult(++before))
            .AfterStart((_, _) => Task.FromResult(++after)));
        await using Enclave clone = await original.CloneAsync();

        (before, after).Should().Be((2, 1));
    }

    [Fact]
    public async Task In_the_host_s_time_clones_of_linux_draw_random_numbers_of_their_own()
    {
        await using Enclave original = await LinuxEnclave.StartAsync(builder => builder.WithAccelerator(Accelerator.Software).WithTime(MachineTime.Host));
        await using Enclave one = await original.CloneAsync();
        await using Enclave other = await original.CloneAsync();
        var numbers = new List<string>();
        foreach (Enclave clone in (Enclave[])[one, other])
        {
            await clone.Console.WaitForLineAsync("crng reseeded due to virtual machine fork", TimeSpan.FromMinutes(5));
            numbers.Add(await clone.CommandAsync("random 32"));
            // What a verified snapshot sees is the same as after a boot.
            Scrubber.Apply(Scrubber.Defaults, clone.Console.All.Text).Should().NotContain("virtual machine fork");
        }

        numbers.Should().OnlyHaveUniqueItems();
    }

    [Fact]
    public async Task In_virtual_time_clones_of_linux_say_the_same()
    {
        await using Enclave original = await LinuxEnclave.StartAsync(builder => builder.WithTime(MachineTime.Virtual).WithSeed(11).WithMemory(128));
        using EnclaveSnapshot snapshot = await original.CaptureAsync(new VsockJournal(), TimeSpan.FromMinutes(1), CancellationToken.None);
        await using Enclave one = await original.StartCloneAsync(snapshot, CancellationToken.None);
        await using Enclave other = await original.StartCloneAsync(snapshot, CancellationToken.None);
        List<string> ones = [], others = [];
        foreach (string command in (string[])["echo the same", "console a line", "env GREETING", "cmdline", "random 32"])
        {
            ones.Add(await one.CommandAsync(command));
            others.Add(await other.CommandAsync(command));
        }

        others.Should().Equal(ones);
        other.Console.Log.GetRawBytes().Should().Equal(one.Console.Log.GetRawBytes());
    }

    [Theory]
    [InlineData(1)]
    [InlineData(2)]
    public async Task In_virtual_time_a_clone_and_its_clone_go_on_as_their_original(int cpus)
    {
        await using Enclave original = await LinuxEnclave.StartAsync(builder => builder.WithTime(MachineTime.Virtual).WithSeed(12).WithMemory(128).WithCpus(cpus));
        await original.CommandAsync("console before");
        await using Enclave clone = await original.CloneAsync();
        await using Enclave its = await clone.CloneAsync();
        List<(string Replies, byte[] Console)> seen = [];
        foreach (Enclave enclave in (Enclave[])[its, clone, original])
        {
            string replies = await enclave.CommandAsync("ping") + "\n";
            // It waits for the test until that is late, which a slow host may make it; before, nothing goes on in it.
            (enclave.Machine.HostPace ?? "").Should().NotContain("nobody waited");
            foreach (string command in (string[])["echo the same", "console a line", "env GREETING", "cmdline"])
                replies += await enclave.CommandAsync(command) + "\n";
            seen.Add((replies, enclave.Console.Log.GetRawBytes()));
        }

        seen.Should().AllSatisfy(run => run.Replies.Should().Be(seen[0].Replies));
        seen.Should().AllSatisfy(run => run.Console.Should().Equal(seen[0].Console));
    }

    private static async Task DisposeWhileCloningAsync(Accelerator accelerator)
    {
        for (int i = 0; i < 10; i++)
        {
            Enclave original = await Guest.StartHelloAsync(builder => builder.WithAccelerator(accelerator));
            Task<Enclave>[] cloning = [.. Enumerable.Range(0, 3).Select(_ => Task.Run(() => original.CloneAsync()))];
            for (int turn = 0; turn < i; turn++)
                await Task.Yield();
            await original.DisposeAsync();
            foreach (Task<Enclave> clone in cloning)
            {
                try
                {
                    await using Enclave lives = await clone;
                    (await lives.CommandAsync("ping")).Should().Be("pong");
                }
                catch (InvalidOperationException)
                {
                    // It came too late.
                }
            }

            await original.Invoking(gone => gone.CloneAsync()).Should().ThrowAsync<InvalidOperationException>();
        }
    }
}
