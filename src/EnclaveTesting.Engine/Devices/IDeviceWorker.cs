namespace EnclaveTesting.Engine.Devices;

/// <summary>A device that also reacts to the host (a vsock stream was written, a timer of a script fired).</summary>
internal interface IDeviceWorker
{
    /// <summary>
    /// Does all work that has come from the host since the last call. The machine calls it on its own thread, under
    /// its lock, some time after <see cref="IMachineWaker.Wake"/>.
    /// </summary>
    void DoHostWork();

    /// <summary>Lets the host see what the guest did, where the device has kept that back.</summary>
    /// <returns>Whether there was anything.</returns>
    bool Publish() => false;
}
