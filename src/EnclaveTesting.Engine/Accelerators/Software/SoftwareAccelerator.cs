namespace EnclaveTesting.Engine.Accelerators.Software;

/// <summary>The software CPU: runs guests on any host.</summary>
/// <param name="virtualTime">Whether time in the guest is what it has executed instead of the host's time; see <see cref="Chipset.VirtualClock"/>.</param>
internal sealed class SoftwareAccelerator(bool virtualTime = false) : IAccelerator
{
    /// <inheritdoc/>
    public Accelerator Kind => Accelerator.Software;

    /// <inheritdoc/>
    public bool IsInterpreter => true;

    /// <inheritdoc/>
    public void WarmUp() => Software.WarmUp.Begin();

    /// <inheritdoc/>
    public IVirtualMachine CreateMachine(VirtualMachineConfiguration configuration, IMachineBus bus) =>
        new SoftwareVirtualMachine(configuration, bus, virtualTime);
}
