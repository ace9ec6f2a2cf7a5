using System.Buffers.Binary;
using EnclaveTesting.Engine.Devices.Virtio;
using EnclaveTesting.Engine.Memory;

namespace EnclaveTesting.Engine.Tests.Devices.Virtio;

/// <summary>A driver of a virtio-mmio device that runs in the test instead of in a guest.</summary>
internal sealed class VirtioDriver : IDisposable
{
    public const ulong IndirectDescriptors = 1UL << 28, EventIndex = 1UL << 29, Version1 = 1UL << 32;
    public const uint Acknowledge = 1, Driver = 2, DriverOk = 4, FeaturesOk = 8, NeedsReset = 0x40, Failed = 0x80;
    public const ulong QueueNotify = 0x50, InterruptStatus = 0x60, InterruptAcknowledge = 0x64, StatusRegister = 0x70;

    private static readonly GuestAddress FirstFree = new(0x1000);

    private GuestAddress _free = FirstFree;

    public VirtioDriver(IVirtioDevice device, long memoryBytes = 4 << 20)
    {
        Memory = GuestMemory.Allocate(memoryBytes);
        Transport = new VirtioMmio(device, Memory, Line, Faults.Add);
    }

    public GuestMemory Memory { get; }

    public VirtioMmio Transport { get; }

    public RecordedLine Line { get; } = new();

    /// <summary>What rules the device says the driver broke.</summary>
    public List<string> Faults { get; } = [];

    public uint Status
    {
        get => Read(StatusRegister);
        set => Write(StatusRegister, value);
    }

    public ulong OfferedFeatures
    {
        get
        {
            Write(0x14, 0);
            uint low = Read(0x10);
            Write(0x14, 1);
            return low | ((ulong)Read(0x10) << 32);
        }
    }

    public uint Read(ulong offset)
    {
        Span<byte> bytes = stackalloc byte[4];
        Transport.ReadMmio(offset, bytes);
        return BinaryPrimitives.ReadUInt32LittleEndian(bytes);
    }

    public void Write(ulong offset, uint value)
    {
        Span<byte> bytes = stackalloc byte[4];
        BinaryPrimitives.WriteUInt32LittleEndian(bytes, value);
        Transport.WriteMmio(offset, bytes);
    }

    public byte[] ReadBytes(ulong offset, int length)
    {
        byte[] bytes = new byte[length];
        bytes.AsSpan().Fill(0xEE);
        Transport.ReadMmio(offset, bytes);
        return bytes;
    }

    /// <summary>The steps of virtio 1.2, section 3.1.1, up to FEATURES_OK.</summary>
    /// <returns>Whether the device agreed.</returns>
    public bool Negotiate(ulong features)
    {
        Status = 0;
        Status = Acknowledge;
        Status = Acknowledge | Driver;
        Write(0x24, 0);
        Write(0x20, (uint)features);
        Write(0x24, 1);
        Write(0x20, (uint)(features >> 32));
        Status = Acknowledge | Driver | FeaturesOk;
        return (Status & FeaturesOk) != 0;
    }

    /// <summary>Lays a queue out and hands it to the device.</summary>
    public DriverQueue SetUpQueue(uint index, ushort size)
    {
        var queue = new DriverQueue(Memory, size, Allocate(0, 16));
        Allocate(queue.End - queue.Descriptors, 16);
        Memory.GetSpan(queue.Descriptors, (int)(queue.End - queue.Descriptors)).Clear();
        PlaceQueue(index, size, queue.Descriptors, queue.Available, queue.Used);
        Write(0x44, 1);
        return queue;
    }

    public void PlaceQueue(uint index, uint size, GuestAddress descriptors, GuestAddress available, GuestAddress used)
    {
        Write(0x30, index);
        Write(0x38, size);
        WriteAddress(0x80, descriptors);
        WriteAddress(0x90, available);
        WriteAddress(0xA0, used);
    }

    public void Start() => Status = Acknowledge | Driver | FeaturesOk | DriverOk;

    public void Ring(uint queue) => Write(QueueNotify, queue);

    /// <summary>Takes all memory back; the device must have been reset.</summary>
    public void FreeAll()
    {
        Status = 0;
        _free = FirstFree;
    }

    /// <summary>Memory for a buffer.</summary>
    public GuestAddress Allocate(ulong length, ulong alignment = 8)
    {
        var address = new GuestAddress((_free.Value + alignment - 1) & ~(alignment - 1));
        _free = address + length;
        return address;
    }

    public void Dispose() => Memory.Dispose();

    private void WriteAddress(ulong offset, GuestAddress address)
    {
        Write(offset, (uint)address.Value);
        Write(offset + 4, (uint)(address.Value >> 32));
    }
}
