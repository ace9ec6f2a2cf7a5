using System.Buffers.Binary;
using EnclaveTesting.Engine.State;

namespace EnclaveTesting.Engine.Devices.Vsock;

/// <summary>
/// Keeps the packets of a machine's vsock device in memory and writes them as pcapng (draft-ietf-opsawg-pcapng) with Linux's vsockmon
/// headers (linux/vsockmon.h, LINKTYPE_VSOCK), which Wireshark takes apart. Beyond its limit the packets that come are only counted.
/// Thread-safe.
/// </summary>
public sealed class VsockCapture
{
    /// <summary>How many bytes are kept by default, 64 MiB.</summary>
    internal const int DefaultLimit = 64 << 20;

    private const int MonitorHeaderSize = 32, BlockOverhead = 32;
    private const ushort LinkTypeVsock = 271, TransportVirtio = 2;
    private const uint SectionHeader = 0x0A0D0D0A, InterfaceDescription = 1, EnhancedPacket = 6, ByteOrderMagic = 0x1A2B3C4D;

    private readonly Lock _lock = new();
    private TimeProvider? _time;
    private readonly int _limit;
    private readonly MemoryStream _blocks = new();
    private byte[] _packet = new byte[4096];

    /// <summary>An empty capture.</summary>
    /// <param name="limit">How many bytes to keep.</param>
    /// <param name="timeProvider">The clock behind the packets' times; null takes the host's, or that of a machine in virtual time.</param>
    internal VsockCapture(int limit = DefaultLimit, TimeProvider? timeProvider = null)
    {
        ArgumentOutOfRangeException.ThrowIfNegative(limit);
        _limit = limit;
        _time = timeProvider;
    }

    /// <summary>Packets kept.</summary>
    public int PacketCount { get; private set; }

    /// <summary>Packets that came when the limit was reached.</summary>
    public int DroppedCount { get; private set; }

    /// <summary>Writes what there is so far.</summary>
    public void Save(Stream stream)
    {
        ArgumentNullException.ThrowIfNull(stream);
        Span<byte> head = stackalloc byte[28 + 20];
        BinaryPrimitives.WriteUInt32LittleEndian(head, SectionHeader);
        BinaryPrimitives.WriteUInt32LittleEndian(head[4..], 28);
        BinaryPrimitives.WriteUInt32LittleEndian(head[8..], ByteOrderMagic);
        BinaryPrimitives.WriteUInt16LittleEndian(head[12..], 1);
        BinaryPrimitives.WriteInt64LittleEndian(head[16..], -1); // of unknown length
        BinaryPrimitives.WriteUInt32LittleEndian(head[24..], 28);
        BinaryPrimitives.WriteUInt32LittleEndian(head[28..], InterfaceDescription);
        BinaryPrimitives.WriteUInt32LittleEndian(head[32..], 20);
        BinaryPrimitives.WriteUInt16LittleEndian(head[36..], LinkTypeVsock);
        BinaryPrimitives.WriteUInt32LittleEndian(head[44..], 20);
        stream.Write(head);
        lock (_lock)
            stream.Write(_blocks.GetBuffer().AsSpan(0, (int)_blocks.Length));
    }

    /// <summary>Writes what there is so far to a file.</summary>
    public void Save(string path)
    {
        using FileStream file = File.Create(path);
        Save(file);
    }

    /// <summary>Saves the packets so far, or puts saved ones before all others.</summary>
    internal void Exchange(StateArchive archive)
    {
        lock (_lock)
        {
            PacketCount = archive.Within(PacketCount, 0, int.MaxValue);
            DroppedCount = archive.Within(DroppedCount, 0, int.MaxValue);
            byte[] blocks = archive.Array(_blocks.ToArray(), 1 << 30);
            _blocks.SetLength(0);
            _blocks.Write(blocks);
        }
    }

    /// <summary>Begins with the packets of another capture.</summary>
    internal void TakeOver(VsockCapture other)
    {
        StateArchive archive = StateArchive.ToWrite();
        other.Exchange(archive);
        Exchange(StateArchive.ToRead("<memory>", 0, archive.Written));
    }

    /// <summary>Takes a machine's clock, unless there is one already.</summary>
    internal void Follow(TimeProvider timeOfDay) => _time ??= timeOfDay;

    /// <summary>Gives a buffer for one packet, header and data; the machine's thread fills it and calls <see cref="Add"/>.</summary>
    internal Span<byte> Buffer(int length)
    {
        if (_packet.Length < MonitorHeaderSize + length)
            _packet = new byte[MonitorHeaderSize + length];
        return _packet.AsSpan(MonitorHeaderSize, length);
    }

    /// <summary>Keeps the packet in the buffer.</summary>
    internal void Add(int length)
    {
        VsockHeader header = VsockHeader.Read(_packet.AsSpan(MonitorHeaderSize));
        WriteMonitorHeader(header);
        int size = MonitorHeaderSize + length;
        int padded = (size + 3) & ~3;
        long microseconds = ((_time ?? TimeProvider.System).GetUtcNow() - DateTimeOffset.UnixEpoch).Ticks / TimeSpan.TicksPerMicrosecond;
        Span<byte> block = stackalloc byte[BlockOverhead - sizeof(uint)];
        BinaryPrimitives.WriteUInt32LittleEndian(block, EnhancedPacket);
        BinaryPrimitives.WriteInt32LittleEndian(block[4..], BlockOverhead + padded);
        BinaryPrimitives.WriteUInt32LittleEndian(block[12..], (uint)(microseconds >> 32));
        BinaryPrimitives.WriteUInt32LittleEndian(block[16..], (uint)microseconds);
        BinaryPrimitives.WriteInt32LittleEndian(block[20..], size);
        BinaryPrimitives.WriteInt32LittleEndian(block[24..], size);
        lock (_lock)
        {
            if (_blocks.Length + BlockOverhead + padded > _limit)
            {
                DroppedCount++;
                return;
            }

            PacketCount++;
            _blocks.Write(block);
            _blocks.Write(_packet, 0, size);
            _blocks.SetLength(_blocks.Length + (padded - size));
            _blocks.Position = _blocks.Length;
            _blocks.Write(block.Slice(4, sizeof(uint)));
        }
    }

    private void WriteMonitorHeader(in VsockHeader header)
    {
        Span<byte> monitor = _packet.AsSpan(0, MonitorHeaderSize);
        monitor.Clear();
        BinaryPrimitives.WriteUInt64LittleEndian(monitor, header.SourceCid);
        BinaryPrimitives.WriteUInt64LittleEndian(monitor[8..], header.DestinationCid);
        BinaryPrimitives.WriteUInt32LittleEndian(monitor[16..], header.SourcePort);
        BinaryPrimitives.WriteUInt32LittleEndian(monitor[20..], header.DestinationPort);
        BinaryPrimitives.WriteUInt16LittleEndian(monitor[24..], header.Operation switch
        {
            VsockOperation.Request or VsockOperation.Response => 1,
            VsockOperation.Reset or VsockOperation.Shutdown => 2,
            VsockOperation.CreditUpdate or VsockOperation.CreditRequest => 3,
            VsockOperation.ReadWrite => 4,
            _ => 0,
        });
        BinaryPrimitives.WriteUInt16LittleEndian(monitor[26..], TransportVirtio);
        BinaryPrimitives.WriteUInt16LittleEndian(monitor[28..], VsockHeader.Size);
    }
}
