using System.Buffers.Binary;
using EnclaveTesting.Engine.Machine;
using EnclaveTesting.Tests.Lifecycle;

namespace EnclaveTesting.Tests.Parent;

/// <summary>What a parent does wrong on purpose, as an enclave sees it.</summary>
public class ParentFaultTests
{
    [Theory]
    [InlineData(true, "velcome")] // the lowest bit of 'w' flipped
    [InlineData(false, "welc")]
    public async Task Bytes_are_corrupted_and_cut_on_purpose(bool corrupt, string received)
    {
        await using Enclave enclave = await StartAsync(parent =>
        {
            ParentPort port = parent.Port(7000).Expect("hello from enclave");
            (corrupt ? port.CorruptByte(0) : port.CloseAfter(4)).Reply("welcome\n");
        });

        (await enclave.CommandAsync("connect 7000")).Should().Be("ok");

        await enclave.Console.WaitForLineAsync(line => line.TrimEnd() == received);
    }

    [Fact]
    public async Task A_reset_loses_the_connection()
    {
        await using Enclave enclave = await StartAsync(parent => parent.Port(7000).Expect("hello").Reset());

        await enclave.CommandAsync("connect 7000");

        (await enclave.CommandAsync("ping")).Should().Be("pong", "the enclave survives it");
    }

    [Fact]
    public async Task Without_credit_the_enclave_stalls_until_it_is_read()
    {
        var goOn = new TaskCompletionSource(TaskCreationOptions.RunContinuationsAsynchronously);
        await using Enclave enclave = await StartAsync(parent => parent.Port(7000).LimitCredit(4096)
            .Handle(async (peer, token) =>
            {
                await goOn.Task.WaitAsync(token);
                await peer.ReadToEndAsync(token);
            }));

        Task<string> flood = enclave.CommandAsync("flood 7000 100000");
        ParentConnection connection = await enclave.Parent.WaitForConnectionAsync(7000);
        flood.IsCompleted.Should().BeFalse("95,904 bytes have no room");
        goOn.SetResult();

        (await flood).Should().Be("ok");
        await connection.Ended;
        connection.ReceivedCount.Should().Be(100_000);
    }

    [Fact]
    public async Task A_handler_that_does_not_listen_to_its_token_keeps_nobody()
    {
        var never = new TaskCompletionSource(TaskCreationOptions.RunContinuationsAsynchronously);
        Enclave enclave = await StartAsync(parent => parent.Port(7000).Handle((_, _) => never.Task));
        await enclave.CommandAsync("connect 7000");
        ParentConnection connection = await enclave.Parent.WaitForConnectionAsync(7000);

        await enclave.DisposeAsync().AsTask().WaitAsync(TimeSpan.FromMinutes(1));

        connection.State.Should().Be(ParentConnectionState.Failed);
        connection.Failure!.Message.Should().Contain("The handler was left running");
        never.SetResult();
    }

    [Fact]
    public async Task A_connection_is_accepted_and_nothing_follows()
    {
        await using Enclave enclave = await StartAsync(parent => parent.Port(7000).ExpectLine("hello from enclave").Hang());

        (await enclave.CommandAsync("connect 7000")).Should().Be("ok");

        ParentConnection connection = await enclave.Parent.WaitForConnectionAsync(7000);
        (await enclave.CommandAsync("ping")).Should().Be("pong");
        connection.State.Should().Be(ParentConnectionState.Open);
        connection.SentCount.Should().Be(0);
    }

    [Fact]
    public async Task A_connection_is_never_answered()
    {
        await using Enclave enclave = await StartAsync(parent => parent.Port(7000).NeverAnswer());

        Task<string> told = enclave.CommandAsync("connect 7000");

        (await enclave.Parent.WaitForConnectionAsync(7000)).State.Should().Be(ParentConnectionState.Refused);
        (await enclave.CommandAsync("ping")).Should().Be("pong");
        told.IsCompleted.Should().BeFalse("this guest waits for an answer for good");
        await enclave.StopAsync();
        await FluentActions.Awaiting(() => told).Should().ThrowAsync<EnclaveExitedException>();
    }

    [Fact]
    public async Task Bytes_drip()
    {
        // In virtual time: in the host's, pieces may meet on their way when the machine is slow.
        await using Enclave enclave = await StartAsync(
            parent => parent.Port(7000).Expect("hello").SlowDown(bytes: 2, TimeSpan.FromMilliseconds(1)).ReplyLine("welcome"), builder => builder.WithTime(MachineTime.Virtual).WithCapture());

        await enclave.CommandAsync("connect 7000");

        await enclave.Console.WaitForLineAsync("welcome");
        PcapNg.ReadPackets(enclave.Capture!).Where(packet => BinaryPrimitives.ReadUInt32LittleEndian(packet.AsSpan(16)) == 7000 && packet.Length > PcapNg.DataOffset)
            .Select(packet => packet.Length - PcapNg.DataOffset).Should().Equal(2, 2, 2, 2);
    }

    [Fact]
    public async Task A_delay_delays_what_follows()
    {
        await using Enclave enclave = await StartAsync(parent => parent.Port(7000).ExpectLine("hello from enclave").Delay(TimeSpan.FromMilliseconds(20)).ReplyLine("at last"));

        await enclave.CommandAsync("connect 7000");

        await enclave.Console.WaitForLineAsync("at last");
    }

    [Fact]
    public async Task A_connection_is_reset_in_the_middle()
    {
        await using Enclave enclave = await StartAsync(parent => parent.Port(7000).Expect("hello").ResetAfter(4).ReplyLine("welcome").ExpectLine("never"));

        await enclave.CommandAsync("connect 7000");

        ParentConnection connection = await enclave.EndedAsync(7000);
        connection.Sent.Should().Equal("welc"u8.ToArray());
        connection.State.Should().Be(ParentConnectionState.Failed);
        (await enclave.CommandAsync("ping")).Should().Be("pong");
    }

    [Fact]
    public async Task A_half_closed_connection_is_read_to_its_end()
    {
        await using Enclave enclave = await StartAsync(parent => parent.Port(7000).ExpectLine("hello from enclave").ReplyLine("bye").CompleteSending().ExpectEnd());

        await enclave.CommandAsync("connect 7000");

        await enclave.Console.WaitForLineAsync("bye");
        await enclave.Parent.VerifyAllAsync();
    }

    [Fact]
    public async Task A_heartbeat_without_an_answer_leaves_init_waiting()
    {
        await using Enclave enclave = Guest.Of("hello").WithParent(parent => parent.Heartbeat(Heartbeat.Unanswered)).WaitFor(Wait.ForHeartbeat()).Build();
        await enclave.StartAsync();

        enclave.Parent.ConnectionsTo(Heartbeat.Port).Should().ContainSingle().Which.SentCount.Should().Be(0);
        enclave.Console.ApplicationLog.Text.Should().BeEmpty();
        (await enclave.StopAsync()).Reason.Should().Be(VmExitReason.Stopped);
    }

    [Fact]
    public async Task A_heartbeat_whose_connection_is_closed_makes_init_die()
    {
        await using Enclave enclave = Guest.Of("hello").WithParent(parent => parent.Heartbeat(Heartbeat.Closed)).WaitFor(Wait.ForExit()).Build();
        await enclave.StartAsync();

        (await enclave.Exited).Reason.Should().Be(VmExitReason.Panic);
        enclave.Console.All.Text.Should().Contain("Attempted to kill init!");
    }

    private static Task<Enclave> StartAsync(Action<ParentBuilder> parent, Func<EnclaveBuilder, EnclaveBuilder>? change = null) =>
        Guest.StartHelloAsync(builder => (change is null ? builder : change(builder)).WithParent(parent));
}
