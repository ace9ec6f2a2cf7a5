using System.Buffers.Binary;
using EnclaveTesting.Engine.Devices.Vsock;

namespace EnclaveTesting.Tests.Parent;

/// <summary>Reads captures as Wireshark does: blocks with their length at both ends.</summary>
internal static class PcapNg
{
    /// <summary>Where a packet's data begins: behind the headers of vsockmon and virtio-vsock.</summary>
    public const int DataOffset = 76;

    /// <summary>The packets of an enclave's capture so far.</summary>
    public static List<byte[]> ReadPackets(VsockCapture capture)
    {
        using var file = new MemoryStream();
        capture.Save(file);
        return ReadPackets(file.ToArray());
    }

    public static uint DestinationPort(byte[] packet) => BinaryPrimitives.ReadUInt32LittleEndian(packet.AsSpan(20));

    /// <summary>The packets of a capture with one interface.</summary>
    public static List<byte[]> ReadPackets(ReadOnlySpan<byte> file)
    {
        var packets = new List<byte[]>();
        uint[] expected = [0x0A0D0D0A, 1];
        for (int block = 0; !file.IsEmpty; block++)
        {
            uint type = BinaryPrimitives.ReadUInt32LittleEndian(file);
            int length = BinaryPrimitives.ReadInt32LittleEndian(file[4..]);
            (length % 4).Should().Be(0);
            BinaryPrimitives.ReadInt32LittleEndian(file[(length - 4)..]).Should().Be(length, "a block's length stands at both its ends");
            type.Should().Be(block < 2 ? expected[block] : 6);
            if (type == 6)
                packets.Add(file.Slice(28, BinaryPrimitives.ReadInt32LittleEndian(file[20..])).ToArray());
            file = file[length..];
        }

        return packets;
    }
}
