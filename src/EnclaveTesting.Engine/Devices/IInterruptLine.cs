namespace EnclaveTesting.Engine.Devices;

/// <summary>
/// A device's interrupt output. Lines are edge-triggered, active high: the guest gets one interrupt for each change
/// from low to high. Calls come under the machine's lock.
/// </summary>
internal interface IInterruptLine
{
    /// <summary>Drives the line; repeating the present level does nothing.</summary>
    void SetLevel(bool asserted);
}
