using System.Buffers;
using EnclaveTesting.Engine.Accelerators.Software.Chipset;
using EnclaveTesting.Engine.Devices.Vsock;

namespace EnclaveTesting.Engine.Machine.Recording;

/// <summary>Gives a machine what came to another one, from its recording, and watches that it does the same.</summary>
internal sealed class MachinePlayer : MachineJournal
{
    private readonly MachineRecording _recording;
    private RecordKind? _next;
    private bool _isMeeting;
    private long _instructions, _now;
    private long _nextInstructions = long.MaxValue;
    private ulong _nextTime, _nextDigest;

    /// <summary>Takes over the reading of a recording whose header was read.</summary>
    public MachinePlayer(MachineRecording recording)
    {
        _recording = recording;
        Advance();
    }

    private RecordReader Record => _recording.Reader;

    /// <summary>How the machine ended that was recorded, once that has been read.</summary>
    public VmExitReason? EndReason { get; private set; }

    // A recording without an end is one of a process that died: it goes as far as it goes.
    private bool HasStop => _next is null || (_next == RecordKind.End && EndReason == VmExitReason.Stopped);

    /// <summary>How many instructions may follow before the next record has its place.</summary>
    public long InstructionsLeft(long instructions) => _nextInstructions > instructions ? _nextInstructions - instructions : long.MaxValue;

    /// <summary>Whether the machine was stopped here, from outside.</summary>
    public bool IsStoppedAt(long instructions, ulong time) => HasStop && instructions >= _nextInstructions && time >= _nextTime;

    /// <summary>When something comes for a machine that waits, at the latest at a deadline.</summary>
    public ulong NextTime(long instructions, ulong deadline)
    {
        bool isHere = _nextInstructions == instructions && (_next == RecordKind.Meeting || HasStop);
        ulong next = isHere ? Math.Min(deadline, _nextTime) : deadline;
        return next != MachineClock.Never ? next : throw Diverged($"the guest waits for ever, while {DescribeNext()} is due");
    }

    /// <summary>Whether the host did something here.</summary>
    public bool HasBatchAt(long instructions, ulong time) => _next == RecordKind.Meeting && _nextInstructions == instructions && _nextTime == time;

    /// <inheritdoc/>
    public override void MeetAt(long instructions, ulong time)
    {
        if (_isMeeting && _next is RecordKind.HostChange or RecordKind.Delay)
            throw Diverged($"the machine had no use for {DescribeNext()}");
        (_instructions, _now) = (instructions, (long)time);
        _isMeeting = HasBatchAt(instructions, time);
        if (_isMeeting)
        {
            if (_nextDigest != Digest)
                throw Diverged("what the guest printed and sent up to here is not what was recorded");
            Advance();
        }
        else if (_next is RecordKind.Meeting or RecordKind.End && (_nextInstructions < instructions || (_nextInstructions == instructions && _nextTime < time)))
        {
            throw Diverged($"the guest got past {DescribeNext()}");
        }
    }

    /// <summary>Takes what a connection's host end did at this meeting, if there is more.</summary>
    public bool TryTakeChange(out VsockKey key, out bool isNew, out VsockHostChange change)
    {
        key = default;
        isNew = false;
        change = default;
        if (!_isMeeting || _next != RecordKind.HostChange)
            return false;
        key = new VsockKey((uint)Record.ReadNumber(uint.MaxValue, "a CID"), (uint)Record.ReadNumber(uint.MaxValue, "a port"), (uint)Record.ReadNumber(uint.MaxValue, "a port"));
        ulong flags = Record.ReadNumber(31, "flags");
        isNew = (flags & 1) != 0;
        change = new VsockHostChange
        {
            Accepted = (flags & 2) != 0,
            Aborted = (flags & 4) != 0,
            HostGone = (flags & 8) != 0,
            OutputEnded = (flags & 16) != 0,
            Consumed = (uint)Record.ReadNumber(uint.MaxValue, "a count of bytes"),
            Data = new ReadOnlySequence<byte>(Record.ReadBytes()),
        };
        return true;
    }

    /// <summary>The change that was taken has been applied; its bytes are no longer needed.</summary>
    public void ChangeTaken() => Advance();

    /// <summary>Takes a wait of the host's that began at this meeting, if there is more.</summary>
    public bool TryTakeDelay(out ulong deadline)
    {
        deadline = 0;
        if (!_isMeeting || _next != RecordKind.Delay)
            return false;
        deadline = Record.ReadNumber();
        Advance();
        return true;
    }

    /// <inheritdoc/>
    public override ListenDecision Listen(Func<ListenDecision> live)
    {
        Expect(RecordKind.Listen, "a connection of the guest");
        ulong flags = Record.ReadNumber(3, "flags");
        var decision = new ListenDecision((flags & 1) != 0, (flags & 2) != 0, (int)Record.ReadNumber(int.MaxValue, "a window"));
        Advance();
        return decision;
    }

    /// <inheritdoc/>
    public override int Answer(Span<byte> buffer, int length)
    {
        Expect(RecordKind.Answer, "a request to the security module");
        ReadOnlySpan<byte> answer = Record.ReadBytes().Span;
        if (answer.Length > buffer.Length)
            throw Diverged($"the guest gives {buffer.Length} bytes of room for a response of {answer.Length}");
        answer.CopyTo(buffer);
        Advance();
        return answer.Length;
    }

    /// <inheritdoc/>
    public override long TimeOfDay(Func<long> live)
    {
        Expect(RecordKind.TimeOfDay, "a reading of the time of day");
        long ticks = (long)Record.ReadNumber(long.MaxValue, "a time");
        Advance();
        return ticks;
    }

    /// <summary>Compares the ends; null if they are the same.</summary>
    public string? FindDifference(long instructions, VmExit exit)
    {
        // Stopped by somebody who has seen enough.
        bool isCutShort = exit.Reason == VmExitReason.Stopped && (_next != RecordKind.End || instructions < _nextInstructions);
        if (_next is null || isCutShort)
            return null;
        if (_next != RecordKind.End)
            return $"The machine ended ({exit.Reason}) at instruction {instructions}, before {DescribeNext()}.";
        if (EndReason != exit.Reason || _nextInstructions != instructions)
            return $"The machine ended ({exit.Reason}) at instruction {instructions}; recorded is {EndReason} at {_nextInstructions}.";
        return _nextDigest == Digest ? null : $"The machine ended at instruction {instructions} as recorded, but what the guest printed and sent is not the same.";
    }

    private void Expect(RecordKind kind, string what)
    {
        if (_next != kind)
            throw Diverged($"{what} comes where {DescribeNext()} is due");
    }

    private RecordingDivergedException Diverged(string what) =>
        new($"The run has left its recording after instruction {_instructions} ({_now / 1000} µs of its time): {what} (record at offset {Record.RecordOffset} of {_recording.Path}). "
            + (_recording.Engine == RecordingHeader.ThisEngine ? "" : $"The recording is of engine {_recording.Engine}, this one is {RecordingHeader.ThisEngine}."));

    private string DescribeNext() => _next switch
    {
        RecordKind.Meeting => $"what the host did at instruction {_nextInstructions}",
        RecordKind.HostChange => "what the host did on a connection",
        RecordKind.Delay => "a wait of the host's",
        RecordKind.Listen => "a connection of the guest",
        RecordKind.Answer => "a request to the security module",
        RecordKind.TimeOfDay => "a reading of the time of day",
        RecordKind.End => $"the end at instruction {_nextInstructions}",
        _ => "the end of the recording",
    };

    private void Advance()
    {
        if (_next is RecordKind.Meeting)
            (_instructions, _now) = (_nextInstructions, (long)_nextTime);
        RecordKind? next = Record.Next();
        if (next == RecordKind.Header || (_next == RecordKind.End && next is not null))
            throw Record.Problem(Record.RecordOffset, "a record of what happened", next == RecordKind.Header ? "a header" : "more after the end");
        _next = next;
        if (_next is RecordKind.Meeting or RecordKind.End)
        {
            _nextInstructions = (long)Record.ReadNumber(long.MaxValue, "a count of instructions");
            _nextTime = Record.ReadNumber();
            _nextDigest = Record.ReadNumber();
            if (_next == RecordKind.End)
                EndReason = (VmExitReason)Record.ReadNumber((ulong)VmExitReason.Stopped, "a reason for an end");
        }
        else if (_next is null)
        {
            // The last place that is known.
            (_nextInstructions, _nextTime) = (_instructions, (ulong)_now);
        }
        else
        {
            _nextInstructions = long.MaxValue;
        }
    }
}
