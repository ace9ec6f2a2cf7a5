using EnclaveTesting.Engine.State;

namespace EnclaveTesting.Engine.Devices;

/// <summary>ACPI's fixed registers as they are saved.</summary>
internal sealed record AcpiFixedRegistersState
{
    /// <summary>PM1 enable: which events would interrupt.</summary>
    public ushort Enable { get; set; }

    /// <summary>PM1 control.</summary>
    public ushort Control { get; set; }

    /// <summary>Saves or restores.</summary>
    public void Exchange(StateArchive archive)
    {
        Enable = archive.Value(Enable);
        Control = archive.Value(Control);
    }
}
