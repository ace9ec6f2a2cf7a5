using System.Buffers.Binary;
using EnclaveTesting.Tests.Lifecycle;

namespace EnclaveTesting.Tests.Parent;

public class RecordingTests
{
    [Fact]
    public async Task A_recorded_conversation_is_played_again()
    {
        ParentRecording recording;
        await using (Enclave first = await Guest.StartHelloAsync(builder => builder.WithParent(parent => parent.Port(7000).ExpectLine("hello from enclave").ReplyLine("recorded"))))
        {
            await first.CommandAsync("connect 7000");
            ParentConnection connection = await first.Parent.WaitForConnectionAsync(7000);
            await connection.Ended;
            recording = ParentRecording.Parse(connection.Record().ToString());
        }

        recording.Exchanges.Select(exchange => exchange.ToString()).Should().Equal("enclave: \"hello from enclave\\n\"", "parent:  \"recorded\\n\"");
        await using Enclave second = await Guest.StartHelloAsync(builder => builder.WithParent(parent => parent.Port(7000).Replay(recording)));
        await second.CommandAsync("connect 7000");
        await second.Console.WaitForLineAsync("recorded");
        await second.Parent.VerifyAllAsync();
    }

    [Theory]
    [InlineData("something else")]
    [InlineData("# EnclaveTesting recording 1\n! AAAA")]
    [InlineData("# EnclaveTesting recording 1\n< not base64")]
    public void What_is_no_recording_is_refused(string text) => FluentActions.Invoking(() => ParentRecording.Parse(text)).Should().Throw<FormatException>();

    [Fact]
    public async Task All_traffic_is_captured_as_pcapng()
    {
        await using Enclave enclave = await Guest.StartHelloAsync(builder => builder.WithCapture());
        await enclave.CommandAsync("echo what Wireshark shows");
        await enclave.StopAsync();

        List<byte[]> packets = PcapNg.ReadPackets(enclave.Capture!);

        packets.Count.Should().Be(enclave.Capture!.PacketCount);
        byte[] request = packets.Single(packet => packet.AsSpan().IndexOf("echo what Wireshark shows\n"u8) == 76);
        BinaryPrimitives.ReadUInt64LittleEndian(request).Should().Be(3, "the parent sent it");
        BinaryPrimitives.ReadUInt64LittleEndian(request.AsSpan(8)).Should().Be(16);
        PcapNg.DestinationPort(request).Should().Be(5001);
        BinaryPrimitives.ReadUInt16LittleEndian(request.AsSpan(24)).Should().Be(4, "it is AF_VSOCK_OP_PAYLOAD");
        packets.Any(packet => packet.AsSpan().IndexOf("what Wireshark shows\n"u8) == 76).Should().BeTrue("the answer is there too");
        packets.Should().Contain(packet => packet.Length == 77 && packet[76] == 0xB7, "the heartbeat");
    }
}
