using EnclaveTesting.Engine.Machine;
using EnclaveTesting.Tests.Parent;

namespace EnclaveTesting.Tests.Lifecycle;

/// <summary>Each way not to become ready has its own readable error, within its time.</summary>
public class BootFailureTests
{
    private static readonly TimeSpan StartupTimeout = TimeSpan.FromSeconds(3);

    private readonly ManualTime _time = new();

    [Theory]
    [InlineData("no-heartbeat", BootPhase.Booting, "no-heartbeat: sleeping")]
    [InlineData("spin", BootPhase.Booting, "spin: interrupts off, spinning")]
    [InlineData("silent", BootPhase.Silent, "nothing was printed")]
    public async Task A_guest_without_heartbeat_runs_into_the_timeout(string guest, BootPhase phase, string console)
    {
        EnclaveBootException exception = await RunIntoTheTimeoutAsync(
            Guest.Of(guest), enclave => phase == BootPhase.Silent ? Task.CompletedTask : enclave.Console.WaitForLineAsync(console, TimeSpan.FromMinutes(1)));

        exception.IsTimeout.Should().BeTrue();
        exception.Phase.Should().Be(phase);
        exception.Exit!.Reason.Should().Be(VmExitReason.Stopped);
        exception.Exit.Registers.Should().NotBeNull("the author wants to know where it hangs");
        exception.Message.Should().Contain("not ready within 3 s").And.Contain("[missing] the heartbeat").And.Contain(console).And.Contain("RIP");
    }

    [Theory]
    [InlineData("panic", VmExitReason.Panic, "Unable to mount root fs")]
    [InlineData("triple-fault", VmExitReason.TripleFault, "double fault")]
    [InlineData("halt", VmExitReason.Halt, "interrupts disabled")]
    [InlineData("ud", VmExitReason.Reboot, "EXCEPTION vector 6")]
    [InlineData("bad-heartbeat", VmExitReason.Panic, "Attempted to kill init!")]
    [InlineData("bad-virtqueue", VmExitReason.Reboot, "config-writes")]
    public async Task A_guest_that_ends_first_is_reported_at_once(string guest, VmExitReason reason, string detail)
    {
        EnclaveBootException exception = await FailToStartAsync(Guest.Of(guest));

        exception.IsTimeout.Should().BeFalse();
        exception.Exit!.Reason.Should().Be(reason);
        exception.Message.Should().Contain("ended before it was ready").And.Contain(detail).And.Contain("[missing] the heartbeat");
    }

    [Fact]
    public async Task A_parent_that_refuses_the_heartbeat_makes_init_die()
    {
        EnclaveBootException exception = await FailToStartAsync(Guest.Of("hello")
            .WithParent(parent => parent.Heartbeat(Heartbeat.Refused)).WaitFor(Wait.ForConsole("ready: told parent")));

        exception.Exit!.Reason.Should().Be(VmExitReason.Panic);
        exception.ConsoleTail.Should().Contain("heartbeat: port 9000 refused");
    }

    [Fact]
    public async Task A_parent_that_answers_wrongly_makes_init_die()
    {
        EnclaveBootException exception = await FailToStartAsync(Guest.Of("hello")
            .WithParent(parent => parent.Heartbeat(Heartbeat.Wrong(0x42))).WaitFor(Wait.ForConsole("ready: told parent")));

        exception.ConsoleTail.Should().Contain("heartbeat: sent 0xb7, received 0x42").And.Contain("Attempted to kill init!");
    }

    [Fact]
    public async Task A_late_heartbeat_only_delays()
    {
        await using Enclave enclave = await Guest.StartHelloAsync(builder => builder.WithParent(parent => parent.Heartbeat(Heartbeat.Late(TimeSpan.FromMilliseconds(200)))));

        (await enclave.CommandAsync("ping")).Should().Be("pong");
    }

    [Fact]
    public async Task Each_wait_reports_what_it_saw()
    {
        EnclaveBootException exception = await RunIntoTheTimeoutAsync(
            Guest.Of("hello").WithCapture().WaitFor(Wait.ForHeartbeat().And(Wait.ForPort(4242)).And(Wait.ForConsole("no such line")).And(Wait.ForParentPort(7000))),
            async enclave =>
            {
                await enclave.Parent.WaitForHeartbeatAsync(CancellationToken.None);
                // With the second attempt it is known what became of the first.
                while (PcapNg.ReadPackets(enclave.Capture!).Count(packet => PcapNg.DestinationPort(packet) == 4242) < 2)
                    await Task.Delay(1);
            });

        exception.Phase.Should().Be(BootPhase.HeartbeatReceived);
        exception.Message.Should().Contain("[came]    the heartbeat")
            .And.MatchRegex(@"\[missing\] port 4242 of the enclave: \d+ attempts, the last: Nobody listens")
            .And.MatchRegex(@"\[missing\] a console line containing ""no such line"": \d+ lines")
            .And.Contain("[missing] a connection to the parent's port 7000: nobody connected");
    }

    [Fact]
    public async Task What_cannot_be_loaded_never_starts()
    {
        EnclaveBootException exception = await FailToStartAsync(Guest.Of("hello").WithImage(new byte[600]));

        exception.Phase.Should().Be(BootPhase.NotStarted);
        exception.InnerException.Should().BeOfType<EnclaveTesting.Engine.Eif.EifFormatException>();
        exception.Message.Should().Contain(".eif");
    }

    [Fact]
    public void The_builder_reports_every_mistake_at_once()
    {
        EnclaveBuilder builder = new EnclaveBuilder().WithImage("missing.eif").WithMemory(1).WithCpus(33).WithCid(3).WithStartupTimeout(TimeSpan.Zero)
            .WithParent(parent => parent.Port(9000).Port(7000).SlowDown(0, TimeSpan.Zero).LimitCredit(0).Times(-1).ForwardTo("a.example", 0));

        EnclaveConfigurationException exception = builder.Invoking(it => it.Build()).Should().Throw<EnclaveConfigurationException>().Which;

        exception.Problems.Should().HaveCount(10);
        exception.Message.Should().Contain("missing.eif").And.Contain("1 MiB").And.Contain("33").And.Contain("CID 3 is the parent").And.Contain("startup timeout").And.Contain("heartbeat's")
            .And.Contain("Port 7000 cannot send 0 bytes at a time").And.Contain("credit for 0 bytes").And.Contain("-1 connections").And.Contain("a.example has ports 1 to 65535, not 0");
    }

    private static Task<EnclaveBootException> FailToStartAsync(EnclaveBuilder builder)
    {
        Enclave enclave = builder.Build();
        return FailureOfAsync(enclave, enclave.StartAsync());
    }

    /// <summary>Lets the time run out when the enclave waits for its readiness and has done what it will.</summary>
    private async Task<EnclaveBootException> RunIntoTheTimeoutAsync(EnclaveBuilder builder, Func<Enclave, Task> wait)
    {
        Enclave enclave = builder.WithStartupTimeout(StartupTimeout).WithHostTime(_time).Build();
        Task starting = enclave.StartAsync();
        await _time.WaitForTimerAsync(StartupTimeout);
        await wait(enclave);
        _time.Advance(StartupTimeout);
        return await FailureOfAsync(enclave, starting);
    }

    private static async Task<EnclaveBootException> FailureOfAsync(Enclave enclave, Task starting)
    {
        EnclaveBootException exception = (await starting.Awaiting(task => task).Should().ThrowAsync<EnclaveBootException>()).Which;
        enclave.State.Should().Be(EnclaveState.Disposed);
        return exception;
    }
}
