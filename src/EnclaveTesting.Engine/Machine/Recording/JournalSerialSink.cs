using EnclaveTesting.Engine.Devices;

namespace EnclaveTesting.Engine.Machine.Recording;

/// <summary>A console of which the recording takes notice on the way.</summary>
internal sealed class JournalSerialSink(MachineJournal journal, ISerialSink sink) : ISerialSink
{
    /// <inheritdoc/>
    public void Write(byte value)
    {
        journal.Note([value]);
        sink.Write(value);
    }
}
