using EnclaveTesting.Engine.State;

namespace EnclaveTesting.Engine.Accelerators.Software.Chipset;

/// <summary>An I/O APIC as it is saved.</summary>
internal sealed record IoApicState
{
    public byte Select { get; set; }

    public byte Id { get; set; }

    /// <summary>The redirection entries.</summary>
    public ulong[] Redirection { get; set; } = new ulong[IoApic.Pins];

    /// <summary>The pins' levels, one bit each.</summary>
    public uint Levels { get; set; }

    /// <summary>Saves or restores.</summary>
    public void Exchange(StateArchive archive)
    {
        Select = archive.Value(Select);
        Id = archive.Value(Id);
        archive.Fixed(Redirection.AsSpan());
        Levels = archive.Value(Levels);
    }
}
