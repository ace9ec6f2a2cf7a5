namespace EnclaveTesting.Engine.Devices;

/// <summary>How host threads get the machine's attention.</summary>
internal interface IMachineWaker
{
    /// <summary>
    /// Makes the machine call every <see cref="IDeviceWorker"/> soon. From any thread, never blocks, allocates nothing;
    /// calls before the machine has reacted count as one. After the machine has ended it does nothing.
    /// </summary>
    void Wake();
}
