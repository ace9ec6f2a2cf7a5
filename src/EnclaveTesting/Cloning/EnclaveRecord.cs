using EnclaveTesting.Engine.Devices.Vsock;
using EnclaveTesting.Engine.State;

namespace EnclaveTesting;

/// <summary>What the outside had seen of an enclave at the moment at which it was saved.</summary>
internal sealed class EnclaveRecord
{
    private const int Version = 1;

    /// <summary>What it had printed.</summary>
    public byte[] Console { get; private set; } = [];

    /// <summary>How many lines of it are the boot log; -1 while there was no heartbeat.</summary>
    public long BootEnd { get; private set; } = -1;

    /// <summary>What it had said to its parent, and heard.</summary>
    public VsockJournal Journal { get; private set; } = new();

    /// <summary>The captured packets, where they were captured.</summary>
    public VsockCapture? Capture { get; private set; }

    /// <summary>Takes down what an enclave has shown, while its machine stands still.</summary>
    public static EnclaveRecord Of(EnclaveConsole console, VsockJournal journal, VsockCapture? capture)
    {
        var record = new EnclaveRecord { Console = console.Log.GetRawBytes(), BootEnd = console.BootEndLine, Journal = journal, Capture = capture is null ? null : new VsockCapture(int.MaxValue) };
        if (capture is not null)
            record.Capture!.TakeOver(capture);
        return record;
    }

    /// <summary>Reads a record that <see cref="ToBytes"/> wrote.</summary>
    /// <exception cref="StateFormatException">It is none.</exception>
    public static EnclaveRecord Read(MachineSnapshot snapshot, bool captures)
    {
        var record = new EnclaveRecord { Capture = captures ? new VsockCapture(int.MaxValue) : null };
        StateArchive archive = StateArchive.ToRead(snapshot.Source, 0, snapshot.Attachment);
        record.Exchange(archive);
        archive.RequireEnd();
        return record;
    }

    public byte[] ToBytes()
    {
        StateArchive archive = StateArchive.ToWrite();
        Exchange(archive);
        return archive.Written.ToArray();
    }

    private void Exchange(StateArchive archive)
    {
        int version = archive.Value(Version);
        archive.Require(version == Version, $"version {Version} of what the outside saw", $"{version}");
        Console = archive.Array(Console, ConsoleLog.DefaultCapacity);
        BootEnd = archive.Within(BootEnd, -1, long.MaxValue);
        Journal.Exchange(archive);
        bool captured = archive.Flag(Capture is not null);
        archive.Require(captured == Capture is not null, "captured packets", captured ? "some" : "none");
        Capture?.Exchange(archive);
    }
}
