using System.IO.Hashing;
using EnclaveTesting.Engine.Devices.Vsock;

namespace EnclaveTesting.Engine.Machine.Recording;

/// <summary>
/// What comes to a machine in virtual time from outside: written down by <see cref="MachineRecorder"/>, given again by
/// <see cref="MachinePlayer"/>. Used by the machine, one call at a time.
/// </summary>
internal abstract class MachineJournal
{
    private readonly XxHash64 _digest = new();

    /// <summary>A number that depends on everything the guest has printed and on the headers of all vsock packets so far.</summary>
    protected ulong Digest => _digest.GetCurrentHashAsUInt64();

    /// <summary>Notes what the guest does.</summary>
    public void Note(ReadOnlySpan<byte> bytes) => _digest.Append(bytes);

    /// <summary>The machine meets the host.</summary>
    public abstract void MeetAt(long instructions, ulong time);

    /// <summary>Whether a connection that the guest opens finds somebody, and what that one is like.</summary>
    /// <param name="live">What the host says; not asked for in a run that is played.</param>
    public abstract ListenDecision Listen(Func<ListenDecision> live);

    /// <summary>A response of the security module, of a number of bytes in a buffer.</summary>
    /// <returns>How many bytes the response has that the guest gets.</returns>
    public abstract int Answer(Span<byte> buffer, int length);

    /// <summary>A reading of the test's own clock.</summary>
    public abstract long TimeOfDay(Func<long> live);
}
