using EnclaveTesting.Engine.State;

namespace EnclaveTesting.Engine.Devices.Virtio;

/// <summary>A virtio device behind its transport. Called by the machine, one call at a time.</summary>
internal interface IVirtioDevice : IDeviceWorker
{
    /// <summary>The device id (virtio 1.2, section 5).</summary>
    uint DeviceId { get; }

    /// <summary>The features of its own, bits 0 to 23; the transport adds the ring's.</summary>
    ulong Features { get; }

    /// <summary>The largest size of each of its virtqueues, powers of two.</summary>
    IReadOnlyList<ushort> QueueSizes { get; }

    /// <summary>The configuration space, little-endian.</summary>
    ReadOnlySpan<byte> Configuration { get; }

    /// <summary>Gives the device its transport; once, before anything else.</summary>
    void Attach(IVirtioTransport transport);

    /// <summary>The driver is ready (DRIVER_OK).</summary>
    void Activate();

    /// <summary>The driver rang for a virtqueue; only while the device is active.</summary>
    void HandleQueue(int queue);

    /// <summary>Saves what the device remembers or restores it, before the machine runs.</summary>
    void Exchange(StateArchive archive);

    /// <summary>The driver has reset the device: everything begins anew.</summary>
    void Reset();
}
