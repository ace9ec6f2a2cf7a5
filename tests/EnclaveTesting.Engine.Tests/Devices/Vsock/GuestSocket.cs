using EnclaveTesting.Engine.Devices.Vsock;

namespace EnclaveTesting.Engine.Tests.Devices.Vsock;

/// <summary>One connection as the guest sees it. Counters are only kept, never enforced: tests break the rules by changing them.</summary>
internal sealed class GuestSocket(VsockGuest guest, uint guestPort, uint hostPort)
{
    public ulong HostCid { get; set; } = VsockGuest.ParentCid;

    public uint GuestPort => guestPort;

    public uint HostPort => hostPort;

    /// <summary>The bytes that the guest is willing to hold.</summary>
    public uint Window { get; set; } = 256 * 1024;

    /// <summary>Bytes that the guest's program has taken.</summary>
    public uint Forward { get; set; }

    /// <summary>Bytes that came.</summary>
    public uint Received { get; private set; }

    /// <summary>Bytes that were sent.</summary>
    public uint Sent { get; private set; }

    /// <summary>The last word of the host about its window and what it has taken.</summary>
    public uint HostWindow { get; private set; }

    public uint HostForward { get; private set; }

    /// <summary>The bytes that the host can take now.</summary>
    public uint Credit => HostWindow - (Sent - HostForward);

    public VsockHeader Header(VsockOperation operation, uint flags = 0, uint length = 0) =>
        new(VsockGuest.Cid, HostCid, guestPort, hostPort, length, VsockHeader.StreamType, operation, flags, Window, Forward);

    public void Send(VsockOperation operation, uint flags = 0) => guest.Send(Header(operation, flags));

    public void Send(ReadOnlySpan<byte> data)
    {
        guest.Send(Header(VsockOperation.ReadWrite, length: (uint)data.Length), data);
        NoteSent((uint)data.Length);
    }

    public void NoteSent(uint length) => Sent += length;

    /// <summary>The next packet for the guest, which must belong to this connection.</summary>
    public async Task<VsockPacket> ReceiveAsync()
    {
        VsockPacket packet = await guest.ReceiveAsync();
        Note(packet);
        return packet;
    }

    public void Note(VsockPacket packet)
    {
        (packet.Header.SourceCid, packet.Header.SourcePort, packet.Header.DestinationPort).Should().Be((HostCid, hostPort, guestPort));
        if (packet.Operation == VsockOperation.Reset)
            return;
        HostWindow = packet.Header.BufferAllocation;
        HostForward = packet.Header.ForwardCount;
        Received += (uint)packet.Data.Length;
    }

    /// <summary>The next packet, which must be of this kind.</summary>
    public async Task<VsockPacket> ExpectAsync(VsockOperation operation)
    {
        VsockPacket packet = await ReceiveAsync();
        packet.Operation.Should().Be(operation);
        return packet;
    }

    /// <summary>Reads until so many bytes are there, as an obedient program that takes everything at once.</summary>
    public async Task<byte[]> ReadAsync(int length)
    {
        var bytes = new List<byte>(length);
        while (bytes.Count < length)
        {
            VsockPacket packet = await ReceiveAsync();
            if (packet.Operation == VsockOperation.ReadWrite)
                bytes.AddRange(packet.Data);
            else
                packet.Operation.Should().BeOneOf(VsockOperation.CreditUpdate, VsockOperation.CreditRequest);
            Forward += (uint)packet.Data.Length;
            if (packet.Data.Length > 0 || packet.Operation == VsockOperation.CreditRequest)
                Send(VsockOperation.CreditUpdate);
        }

        bytes.Should().HaveCount(length);
        return [.. bytes];
    }

    /// <summary>Closes as Linux does, and expects the reset that confirms it.</summary>
    public async Task CloseAsync()
    {
        Send(VsockOperation.Shutdown, VsockHeader.ShutdownReceive | VsockHeader.ShutdownSend);
        await ExpectAsync(VsockOperation.Reset);
    }
}
