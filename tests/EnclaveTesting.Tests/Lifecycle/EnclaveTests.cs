using EnclaveTesting.Engine.Accelerators;
using EnclaveTesting.Engine.Devices.Vsock;
using EnclaveTesting.Engine.Machine;

namespace EnclaveTesting.Tests.Lifecycle;

public class EnclaveTests
{
    [Fact]
    public async Task Goes_through_its_life()
    {
        Enclave enclave = Guest.Of("hello").WithParent(parent => parent.Port(9001).Expect("ready\n")).Build();
        var ended = new List<VmExitReason>();
        enclave.Ended += (_, exit) => ended.Add(exit.Reason);
        enclave.State.Should().Be(EnclaveState.Created);

        await enclave.StartAsync();
        enclave.State.Should().Be(EnclaveState.Running);
        enclave.Parent.HasHeartbeat.Should().BeTrue();
        (await enclave.Parent.WaitForConnectionAsync(9001)).Received.Should().Equal("ready\n"u8.ToArray());

        await using (EnclaveConnection lines = await enclave.ConnectAsync(5001))
            await lines.SendLineAsync("exit");
        (await enclave.WaitForExitAsync()).Reason.Should().Be(VmExitReason.Reboot);
        enclave.State.Should().Be(EnclaveState.Exited);
        ended.Should().Equal(VmExitReason.Reboot);

        await enclave.DisposeAsync();
        enclave.State.Should().Be(EnclaveState.Disposed);
    }

    [Theory]
    [InlineData(MachineTime.Host)]
    [InlineData(MachineTime.Virtual)]
    public async Task What_it_did_just_before_its_end_counts(MachineTime time)
    {
        await using Enclave enclave = Guest.Of("hello").WithAccelerator(Accelerator.Software).WithTime(time)
            .WithCommandLine("hello.exit_after_ready")
            .WithParent(parent => parent.Port(9001).Expect("ready\n"))
            .WaitFor(Wait.ForHeartbeat().And(Wait.ForParentPort(9001)).And(Wait.ForConsole("exit requested")))
            .Build();

        await enclave.StartAsync();

        await enclave.Parent.VerifyAllAsync();
        (await enclave.WaitForExitAsync()).Reason.Should().Be(VmExitReason.Reboot);
    }

    [Fact]
    public async Task Gives_everything_back_when_it_is_disposed_while_it_is_made()
    {
        using var machineLogs = new GateKeeper("MicroVm");
        var capacity = new EnclaveCapacity(cpus: 1, memory: 1L << 30);
        Enclave enclave = Guest.Of("hello").WithLogger(machineLogs).WithCapacity(capacity).Build();
        Task start = enclave.StartAsync();
        await machineLogs.Reached;

        Task disposal = enclave.DisposeAsync().AsTask();
        machineLogs.Open();

        await disposal;
        await start.Invoking(task => task).Should().ThrowAsync<ObjectDisposedException>().WithMessage("*hello*disposed while it started*");
        enclave.State.Should().Be(EnclaveState.Disposed);
        enclave.Machine.Invoking(machine => machine.Start()).Should().Throw<ObjectDisposedException>("the machine was made all the same, and nobody else has it");
        (await enclave.Exited).Reason.Should().Be(VmExitReason.Stopped);
        capacity.AcquireAsync(1, 1, CancellationToken.None).IsCompleted.Should().BeTrue("its share of the host is free again");
    }

    [Fact]
    public async Task Can_be_disposed_while_its_image_is_made()
    {
        var asked = new TaskCompletionSource();
        Enclave enclave = Guest.Of("hello").WithImage(async _ =>
        {
            asked.SetResult();
            await Task.Delay(Timeout.Infinite, CancellationToken.None);
            return Guest.Image("hello");
        }).Build();
        Task start = enclave.StartAsync();
        await asked.Task;

        await enclave.DisposeAsync();

        await start.Invoking(task => task).Should().ThrowAsync<ObjectDisposedException>();
        (await enclave.Exited).Reason.Should().Be(VmExitReason.Stopped);
    }

    [Fact]
    public async Task Runs_hooks_before_the_first_instruction_and_when_ready()
    {
        var seen = new List<string>();
        await using Enclave enclave = await Guest.StartHelloAsync(builder => builder
            .BeforeStart((enclave, _) =>
            {
                seen.Add($"before: {enclave.Console.Log.ByteCount} bytes");
                return Task.CompletedTask;
            })
            .AfterStart((enclave, _) =>
            {
                seen.Add($"after: heartbeat {enclave.Parent.HasHeartbeat}");
                return Task.CompletedTask;
            }));

        seen.Should().Equal("before: 0 bytes", "after: heartbeat True");
    }

    [Fact]
    public async Task Several_enclaves_have_the_same_cid_and_parents_of_their_own()
    {
        Enclave[] enclaves = await Task.WhenAll(Enumerable.Range(0, 4).Select(_ => Guest.StartHelloAsync()));
        try
        {
            foreach (Enclave enclave in enclaves)
            {
                (await enclave.CommandAsync("cid")).Should().Be("16");
                enclave.Parent.ConnectionsTo(9001).Should().ContainSingle();
            }
        }
        finally
        {
            foreach (Enclave enclave in enclaves)
                await enclave.DisposeAsync();
        }
    }

    [Fact]
    public async Task Sixteen_enclaves_at_once_take_turns_and_all_answer()
    {
        const int Limit = 3;
        var capacity = new EnclaveCapacity(cpus: Limit, memory: 64 << 20);
        var full = new TaskCompletionSource(TaskCreationOptions.RunContinuationsAsynchronously);
        int running = 0, highest = 0;

        await Task.WhenAll(Enumerable.Range(0, 16).Select(async i =>
        {
            await using Enclave enclave = await Guest.StartHelloAsync(builder => builder.WithCpus(1).WithCapacity(capacity).BeforeStart((_, _) =>
            {
                int now = Interlocked.Increment(ref running);
                for (int seen; now > (seen = Volatile.Read(ref highest)) && Interlocked.CompareExchange(ref highest, now, seen) != seen;)
                {
                    // Another one counted meanwhile.
                }

                if (now == Limit)
                    full.TrySetResult();
                return Task.CompletedTask;
            }));
            (await enclave.CommandAsync($"echo {i}")).Should().Be($"{i}");
            // As many as there is room for run at the same time: the first ones stay until they are.
            await full.Task.WaitAsync(TimeSpan.FromMinutes(2));
            Interlocked.Decrement(ref running);
        }));

        highest.Should().Be(Limit);
        capacity.AcquireAsync(Limit, 64 << 20, CancellationToken.None).IsCompletedSuccessfully.Should().BeTrue("all was given back");
    }

    [Fact]
    public async Task An_enclave_disposed_while_it_is_made_leaves_nothing()
    {
        var capacity = new EnclaveCapacity(cpus: 1, memory: 64 << 20);
        TaskCompletionSource asked = new(TaskCreationOptions.RunContinuationsAsynchronously), there = new(TaskCreationOptions.RunContinuationsAsynchronously);
        Enclave enclave = Guest.Of("hello").WithCapacity(capacity).WithImage(async _ =>
        {
            asked.SetResult();
            await there.Task;
            return Guest.Image("hello");
        }).Build();
        Task starting = enclave.StartAsync();
        await asked.Task;

        await enclave.DisposeAsync();
        there.SetResult();

        await starting.Awaiting(task => task).Should().ThrowAsync<ObjectDisposedException>();
        enclave.State.Should().Be(EnclaveState.Disposed);
        capacity.AcquireAsync(1, 64 << 20, CancellationToken.None).IsCompletedSuccessfully.Should().BeTrue("it holds no CPU");
    }

    [Fact]
    public async Task What_is_still_awaited_when_the_enclave_ends_says_how_it_ended()
    {
        await using Enclave enclave = await Guest.StartHelloAsync();
        await enclave.EndedAsync(9001);
        Task line = enclave.Console.WaitForLineAsync("never printed");
        (await FluentActions.Awaiting(() => enclave.CommandAsync("panic")).Should().ThrowAsync<EnclaveExitedException>())
            .Which.Message.Should().Contain("a line on port 5001 (sent so far: \"panic\\n\"").And.Contain("Exit: Panic").And.Contain("port 9001, connection 1: Completed, received \"ready\\n\"");

        (await FluentActions.Awaiting(() => line).Should().ThrowAsync<EnclaveExitedException>())
            .Which.Message.Should().Contain("\"never printed\"").And.Contain("Exit: Panic").And.Contain("Kernel panic - not syncing: requested");
        (await enclave.WaitForExitAsync()).Reason.Should().Be(VmExitReason.Panic);
        await FluentActions.Awaiting(() => enclave.ConnectAsync(5001)).Should().ThrowAsync<EnclaveExitedException>();
    }

    [Fact]
    public async Task A_port_without_a_server_refuses()
    {
        await using Enclave enclave = await Guest.StartHelloAsync();

        (await FluentActions.Awaiting(() => enclave.ConnectAsync(4242)).Should().ThrowAsync<VsockException>())
            .Which.Error.Should().Be(VsockError.ConnectionRefused);
    }

    [Fact]
    public async Task Starts_once()
    {
        await using Enclave enclave = await Guest.StartHelloAsync();

        (await FluentActions.Awaiting(() => enclave.StartAsync()).Should().ThrowAsync<InvalidOperationException>()).Which.Message.Should().Contain("started before");
    }

    [Fact]
    public async Task A_cancelled_start_leaves_nothing_running()
    {
        using var cancelled = new CancellationTokenSource();
        Enclave enclave = Guest.Of("silent").BeforeStart((_, _) =>
        {
            cancelled.Cancel();
            return Task.CompletedTask;
        }).Build();

        await FluentActions.Awaiting(() => enclave.StartAsync(cancelled.Token)).Should().ThrowAsync<OperationCanceledException>();

        enclave.State.Should().Be(EnclaveState.Disposed);
        enclave.Exited.IsCompletedSuccessfully.Should().BeTrue();
    }
}
