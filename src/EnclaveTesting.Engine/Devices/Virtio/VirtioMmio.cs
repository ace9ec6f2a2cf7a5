using System.Buffers.Binary;
using EnclaveTesting.Engine.Memory;
using EnclaveTesting.Engine.State;

namespace EnclaveTesting.Engine.Devices.Virtio;

/// <summary>The MMIO transport, version 2 (virtio 1.2, section 4.2): one window of registers before a device.</summary>
internal sealed class VirtioMmio : IMmioDevice, IVirtioTransport, IDeviceWorker
{
    /// <summary>Offset of the register that a driver rings.</summary>
    public const ulong QueueNotify = 0x50;

    private const uint Magic = 0x74726976, Version = 2, Vendor = 0x5445_4E45; // "ENET"
    private const ulong ConfigurationStart = 0x100;
    private const ulong IndirectDescriptors = 1UL << 28, EventIndex = 1UL << 29, Version1 = 1UL << 32;
    private const uint DriverOk = 4, FeaturesOk = 8, NeedsReset = 0x40, Failed = 0x80, DriverBits = 0x8F;
    private const uint UsedBuffer = 1, ConfigurationChange = 2;

    private readonly IVirtioDevice _device;
    private readonly IInterruptLine _interrupt;
    private readonly Action<string> _log;
    private readonly Virtqueue[] _queues;

    /// <summary>Puts a device behind a transport.</summary>
    /// <param name="device">The device.</param>
    /// <param name="memory">The guest's RAM.</param>
    /// <param name="interrupt">The device's interrupt.</param>
    /// <param name="log">Takes what rule a driver broke.</param>
    public VirtioMmio(IVirtioDevice device, GuestMemory memory, IInterruptLine interrupt, Action<string> log)
    {
        _device = device;
        _interrupt = interrupt;
        _log = log;
        _queues = [.. device.QueueSizes.Select(size => new Virtqueue(memory, size, Fault))];
        device.Attach(this);
    }

    public VirtioMmioState State { get; private set; } = new();

    public int QueueCount => _queues.Length;

    public uint DeviceId => _device.DeviceId;

    /// <inheritdoc/>
    public bool IsActive => (State.Status & (DriverOk | NeedsReset | Failed)) == DriverOk;

    private ulong OfferedFeatures => _device.Features | IndirectDescriptors | EventIndex | Version1;

    private Virtqueue? Selected => State.QueueSelect < (uint)_queues.Length ? _queues[State.QueueSelect] : null;

    /// <inheritdoc/>
    public Virtqueue Queue(int index) => _queues[index];

    /// <inheritdoc/>
    public void Interrupt(Virtqueue queue)
    {
        if (queue.TakeInterrupt())
            Raise(UsedBuffer);
    }

    /// <inheritdoc/>
    public void Fault(string reason)
    {
        if ((State.Status & NeedsReset) != 0)
            return;
        _log($"virtio device {_device.DeviceId} stopped: {reason}.");
        State.Status |= NeedsReset;
        if ((State.Status & DriverOk) != 0)
            Raise(ConfigurationChange);
    }

    /// <summary>Saves the transport, its virtqueues and its device, or restores them.</summary>
    public void Exchange(StateArchive archive)
    {
        State.Exchange(archive);
        foreach (Virtqueue queue in _queues)
            queue.Exchange(archive);
        _device.Exchange(archive);
    }

    /// <inheritdoc/>
    public void DoHostWork() => _device.DoHostWork();

    /// <inheritdoc/>
    public bool Publish() => _device.Publish();

    /// <inheritdoc/>
    public void ReadMmio(ulong offset, Span<byte> data)
    {
        data.Clear();
        if (offset >= ConfigurationStart)
        {
            ReadConfiguration(offset - ConfigurationStart, data);
            return;
        }

        // The registers are 32 bits wide; any other access is the driver's mistake and reads as zero.
        if (data.Length == sizeof(uint) && offset % sizeof(uint) == 0)
            BinaryPrimitives.WriteUInt32LittleEndian(data, ReadRegister(offset));
    }

    /// <inheritdoc/>
    public void WriteMmio(ulong offset, ReadOnlySpan<byte> data)
    {
        if (offset < ConfigurationStart && data.Length == sizeof(uint) && offset % sizeof(uint) == 0)
            WriteRegister(offset, BinaryPrimitives.ReadUInt32LittleEndian(data));
    }

    private void ReadConfiguration(ulong offset, Span<byte> data)
    {
        ReadOnlySpan<byte> configuration = _device.Configuration;
        if (offset >= (ulong)configuration.Length)
            return;
        ReadOnlySpan<byte> rest = configuration[(int)offset..];
        rest[..Math.Min(rest.Length, data.Length)].CopyTo(data);
    }

    private uint ReadRegister(ulong offset) => offset switch
    {
        0x00 => Magic,
        0x04 => Version,
        0x08 => _device.DeviceId,
        0x0C => Vendor,
        0x10 => State.DeviceFeaturesSelect switch
        {
            0 => (uint)OfferedFeatures,
            1 => (uint)(OfferedFeatures >> 32),
            _ => 0,
        },
        0x34 => Selected?.MaximumSize ?? 0,
        0x44 => Selected is { State.Ready: true } ? 1u : 0,
        0x60 => State.InterruptStatus,
        0x70 => State.Status,
        0xB0 or 0xB4 or 0xB8 or 0xBC => uint.MaxValue, // no shared memory: length and base are -1
        _ => 0,
    };

    private void WriteRegister(ulong offset, uint value)
    {
        switch (offset)
        {
            case 0x14:
                State.DeviceFeaturesSelect = value;
                break;
            case 0x20:
                AcceptFeatures(value);
                break;
            case 0x24:
                State.DriverFeaturesSelect = value;
                break;
            case 0x30:
                State.QueueSelect = value;
                break;
            case QueueNotify:
                if (IsActive && value < (uint)_queues.Length && _queues[value].State.Ready)
                    _device.HandleQueue((int)value);
                break;
            case 0x64:
                State.InterruptStatus &= ~value;
                break;
            case 0x70:
                SetStatus(value);
                break;
            default:
                if (Selected is { } queue)
                    ConfigureQueue(queue, offset, value);
                break;
        }
    }

    private void AcceptFeatures(uint value)
    {
        // Settled once FEATURES_OK stands.
        if ((State.Status & FeaturesOk) != 0)
            return;
        State.DriverFeatures = State.DriverFeaturesSelect switch
        {
            0 => (State.DriverFeatures & ~0xFFFF_FFFFUL) | value,
            1 => (State.DriverFeatures & 0xFFFF_FFFFUL) | ((ulong)value << 32),
            _ => State.DriverFeatures,
        };
    }

    private void ConfigureQueue(Virtqueue queue, ulong offset, uint value)
    {
        VirtqueueState state = queue.State;
        if (offset == 0x44)
        {
            if ((value & 1) == 0)
                queue.Reset();
            else if (!state.Ready && (State.Status & FeaturesOk) != 0)
                queue.Enable();
            return;
        }

        // A queue in use keeps its place.
        if (state.Ready)
            return;
        switch (offset)
        {
            case 0x38:
                // A size that does not fit 16 bits must not become one that does.
                state.Size = (ushort)Math.Min(value, ushort.MaxValue);
                break;
            case 0x80:
                state.DescriptorTable = Low(state.DescriptorTable, value);
                break;
            case 0x84:
                state.DescriptorTable = High(state.DescriptorTable, value);
                break;
            case 0x90:
                state.AvailableRing = Low(state.AvailableRing, value);
                break;
            case 0x94:
                state.AvailableRing = High(state.AvailableRing, value);
                break;
            case 0xA0:
                state.UsedRing = Low(state.UsedRing, value);
                break;
            case 0xA4:
                state.UsedRing = High(state.UsedRing, value);
                break;
        }
    }

    private void SetStatus(uint value)
    {
        if (value == 0)
        {
            Reset();
            return;
        }

        // A driver only ever adds bits; taking one away is a reset.
        uint added = value & DriverBits & ~State.Status;
        if ((added & FeaturesOk) != 0 && !FeaturesAreAcceptable())
            added &= ~FeaturesOk;
        // Without agreed features there is nothing to start.
        if ((added & DriverOk) != 0 && ((State.Status | added) & FeaturesOk) == 0)
            added &= ~DriverOk;
        State.Status |= added;
        if ((added & FeaturesOk) != 0)
        {
            foreach (Virtqueue queue in _queues)
            {
                queue.AllowsIndirect = (State.DriverFeatures & IndirectDescriptors) != 0;
                queue.UsesEventIndex = (State.DriverFeatures & EventIndex) != 0;
            }
        }

        if ((added & DriverOk) != 0 && IsActive)
            _device.Activate();
    }

    private bool FeaturesAreAcceptable() => (State.DriverFeatures & ~OfferedFeatures) == 0 && (State.DriverFeatures & Version1) != 0;

    private void Reset()
    {
        State = new VirtioMmioState();
        foreach (Virtqueue queue in _queues)
            queue.Reset();
        _device.Reset();
    }

    private void Raise(uint bit)
    {
        State.InterruptStatus |= bit;
        // One edge for each: a driver that is still in its handler for the last one is interrupted again afterwards.
        _interrupt.SetLevel(true);
        _interrupt.SetLevel(false);
    }

    private static GuestAddress Low(GuestAddress address, uint value) => new((address.Value & ~0xFFFF_FFFFUL) | value);

    private static GuestAddress High(GuestAddress address, uint value) => new((address.Value & 0xFFFF_FFFFUL) | ((ulong)value << 32));
}
