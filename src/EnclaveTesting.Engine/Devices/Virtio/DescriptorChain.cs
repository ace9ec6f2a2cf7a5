using EnclaveTesting.Engine.Memory;

namespace EnclaveTesting.Engine.Devices.Virtio;

/// <summary>
/// One checked descriptor chain: all its buffers are RAM, those the device reads come before those it writes. The object belongs
/// to its virtqueue and is filled anew by the next pop.
/// </summary>
internal sealed class DescriptorChain(GuestMemory memory, int capacity)
{
    private readonly (GuestAddress Address, uint Length)[] _buffers = new (GuestAddress, uint)[capacity];
    private int _readable;

    /// <summary>The index that identifies the chain.</summary>
    public ushort Head { get; private set; }

    /// <summary>How many buffers it has.</summary>
    public int Count { get; private set; }

    /// <summary>Bytes in the buffers that the device reads.</summary>
    public uint ReadableLength { get; private set; }

    /// <summary>Bytes in the buffers that the device writes.</summary>
    public uint WritableLength { get; private set; }

    /// <summary>Copies out of the readable part.</summary>
    /// <returns>How many bytes there were; fewer than asked for only at the end.</returns>
    public int Read(uint offset, Span<byte> destination) => Copy(0, _readable, offset, destination, write: false);

    /// <summary>Copies back out of the writable part.</summary>
    /// <returns>How many bytes there were.</returns>
    public int ReadBack(uint offset, Span<byte> destination) => Copy(_readable, Count, offset, destination, write: false);

    /// <summary>Copies into the writable part.</summary>
    /// <returns>How many bytes fitted.</returns>
    public unsafe int Write(uint offset, ReadOnlySpan<byte> source)
    {
        fixed (byte* bytes = source)
            return Copy(_readable, Count, offset, new Span<byte>(bytes, source.Length), write: true);
    }

    internal void Begin(ushort head)
    {
        Head = head;
        Count = _readable = 0;
        ReadableLength = WritableLength = 0;
    }

    /// <summary>Appends a buffer; null, or what rule it breaks.</summary>
    internal string? Append(GuestAddress address, uint length, bool writable)
    {
        if (Count == _buffers.Length)
            return $"a descriptor chain has more than {_buffers.Length} buffers";
        if (!writable && _readable != Count)
            return "a descriptor for the device to read follows one for it to write";
        if (!memory.Contains(address, length))
            return $"a descriptor's {length} bytes at {address} are not all RAM";
        uint total = ReadableLength + WritableLength;
        if (length > uint.MaxValue - total)
            return "a descriptor chain has more than 4 GiB";
        _buffers[Count++] = (address, length);
        if (writable)
        {
            WritableLength += length;
        }
        else
        {
            ReadableLength += length;
            _readable = Count;
        }

        return null;
    }

    private int Copy(int first, int end, uint offset, Span<byte> host, bool write)
    {
        int done = 0;
        for (int i = first; i < end && done < host.Length; i++)
        {
            (GuestAddress address, uint length) = _buffers[i];
            if (offset >= length)
            {
                offset -= length;
                continue;
            }

            int count = (int)Math.Min(length - offset, (uint)(host.Length - done));
            Span<byte> guest = memory.GetSpan(address + offset, count);
            if (write)
            {
                host.Slice(done, count).CopyTo(guest);
                memory.NoteWrittenByDevice(address + offset, (ulong)count);
            }
            else
            {
                guest.CopyTo(host[done..]);
            }

            done += count;
            offset = 0;
        }

        return done;
    }
}
