using EnclaveTesting.Engine.Devices.Vsock;

namespace EnclaveTesting.Engine.Machine.Recording;

/// <summary>Writes down what comes to a machine, as it comes: a process that dies leaves what had come until then.</summary>
internal sealed class MachineRecorder : MachineJournal, IDisposable
{
    private const int BufferSize = 64 * 1024;

    private readonly RecordWriter _record;
    private long _instructions;
    private ulong _time;
    private bool _isMeetingWritten, _isDirty, _isClosed;

    /// <exception cref="IOException">The file cannot be written.</exception>
    public MachineRecorder(string path, RecordingHeader header)
    {
        _record = new RecordWriter(new FileStream(path, FileMode.Create, FileAccess.Write, FileShare.ReadWrite | FileShare.Delete, BufferSize));
        header.Write(_record);
        _record.Flush();
    }

    /// <inheritdoc/>
    public override void MeetAt(long instructions, ulong time)
    {
        Flush();
        (_instructions, _time, _isMeetingWritten) = (instructions, time, false);
    }

    /// <summary>The host's end of a connection has done something.</summary>
    public void Change(VsockKey key, bool isNew, in VsockHostChange change)
    {
        WriteMeeting();
        _record.Begin(RecordKind.HostChange);
        _record.Add(key.HostCid);
        _record.Add(key.HostPort);
        _record.Add(key.GuestPort);
        _record.Add((isNew ? 1UL : 0) | (change.Accepted ? 2UL : 0) | (change.Aborted ? 4UL : 0) | (change.HostGone ? 8UL : 0) | (change.OutputEnded ? 16UL : 0));
        _record.Add(change.Consumed);
        _record.Add(change.Data);
        End();
    }

    /// <summary>A program of the host waits for a time in the machine.</summary>
    public void Delay(ulong deadline)
    {
        WriteMeeting();
        _record.Begin(RecordKind.Delay);
        _record.Add(deadline);
        End();
    }

    /// <inheritdoc/>
    public override ListenDecision Listen(Func<ListenDecision> live)
    {
        ListenDecision decision = live();
        _record.Begin(RecordKind.Listen);
        _record.Add((decision.IsTaken ? 1UL : 0) | (decision.DeferAccept ? 2UL : 0));
        _record.Add((ulong)decision.ReceiveWindow);
        End();
        return decision;
    }

    /// <inheritdoc/>
    public override int Answer(Span<byte> buffer, int length)
    {
        _record.Begin(RecordKind.Answer);
        _record.Add(buffer[..length]);
        End();
        return length;
    }

    /// <inheritdoc/>
    public override long TimeOfDay(Func<long> live)
    {
        long ticks = live();
        _record.Begin(RecordKind.TimeOfDay);
        _record.Add((ulong)ticks);
        End();
        return ticks;
    }

    /// <summary>The machine has ended; once it has been joined. The first call counts.</summary>
    public void Close(long instructions, ulong time, VmExit exit)
    {
        if (_isClosed)
            return;
        _isClosed = true;
        try
        {
            _record.Begin(RecordKind.End);
            _record.Add((ulong)instructions);
            _record.Add(time);
            _record.Add(Digest);
            _record.Add((ulong)exit.Reason);
            _record.Add(exit.Detail);
            _record.End();
        }
        finally
        {
            _record.Dispose();
        }
    }

    /// <summary>Closes the file without an end.</summary>
    public void Dispose()
    {
        _isClosed = true;
        _record.Dispose();
    }

    private void WriteMeeting()
    {
        if (_isMeetingWritten)
            return;
        _isMeetingWritten = true;
        _record.Begin(RecordKind.Meeting);
        _record.Add((ulong)_instructions);
        _record.Add(_time);
        _record.Add(Digest);
        End();
    }

    private void End()
    {
        _record.End();
        _isDirty = true;
    }

    private void Flush()
    {
        if (!_isDirty)
            return;
        _isDirty = false;
        _record.Flush();
    }
}
