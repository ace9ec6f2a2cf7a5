using EnclaveTesting.Engine.Accelerators.Software.Chipset;
using EnclaveTesting.Engine.Devices;
using EnclaveTesting.Engine.State;

namespace EnclaveTesting.Engine.Accelerators.Software;

/// <summary>A GSI's input of the interrupt controllers. Devices drive it on the machine's thread.</summary>
internal sealed class SoftwareInterruptLine(SoftwareChipset chipset, Gsi gsi) : IInterruptLine
{
    private bool _asserted;

    /// <inheritdoc/>
    public void SetLevel(bool asserted)
    {
        if (asserted == _asserted)
            return;
        _asserted = asserted;
        chipset.SetLine(gsi, asserted);
    }

    /// <summary>Saves the level or restores it; the controllers have their own note of it.</summary>
    public void Exchange(StateArchive archive) => _asserted = archive.Flag(_asserted);
}
