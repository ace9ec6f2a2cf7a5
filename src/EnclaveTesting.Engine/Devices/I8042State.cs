using EnclaveTesting.Engine.State;

namespace EnclaveTesting.Engine.Devices;

/// <summary>The keyboard controller as it is saved.</summary>
internal sealed record I8042State
{
    /// <summary>The command byte (configuration): translation on, both ports disabled.</summary>
    public byte Configuration { get; set; } = 0x74;

    /// <summary>The byte waiting in the output buffer.</summary>
    public byte Output { get; set; }

    public bool OutputFull { get; set; }

    /// <summary>A command that waits for its data byte; 0 if none does.</summary>
    public byte PendingCommand { get; set; }

    public bool LastWasCommand { get; set; }

    /// <summary>Saves or restores.</summary>
    public void Exchange(StateArchive archive)
    {
        Configuration = archive.Value(Configuration);
        Output = archive.Value(Output);
        OutputFull = archive.Flag(OutputFull);
        PendingCommand = archive.Value(PendingCommand);
        LastWasCommand = archive.Flag(LastWasCommand);
    }
}
