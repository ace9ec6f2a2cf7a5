namespace EnclaveTesting.Engine.Devices.Virtio;

/// <summary>What a virtio device sees of its transport.</summary>
internal interface IVirtioTransport
{
    /// <summary>Whether the driver is ready and the device in order: only then may it touch its virtqueues.</summary>
    bool IsActive { get; }

    /// <summary>One of the device's virtqueues.</summary>
    Virtqueue Queue(int index);

    /// <summary>Interrupts the driver if used buffers came since the last time and it wants to know.</summary>
    void Interrupt(Virtqueue queue);

    /// <summary>The driver broke the rules: the device stops until it is reset (DEVICE_NEEDS_RESET).</summary>
    void Fault(string reason);
}
