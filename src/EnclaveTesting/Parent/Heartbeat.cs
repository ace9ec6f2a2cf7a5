namespace EnclaveTesting;

/// <summary>How the parent answers the heartbeat: a connection to port 9000, the byte 0xB7, the same byte back.</summary>
public sealed class Heartbeat
{
    /// <summary>The parent's port.</summary>
    public const uint Port = 9000;

    /// <summary>The byte.</summary>
    internal const byte Beat = 0xB7;

    private Heartbeat(string description, bool isAnswered, byte? answer, TimeSpan delay, bool isRefused, bool closes)
    {
        Description = description;
        IsAnswered = isAnswered;
        Answer = answer;
        Delay = delay;
        IsRefused = isRefused;
        Closes = closes;
    }

    /// <summary>As a real parent does it.</summary>
    public static Heartbeat Answered { get; } = new("answered", true, Beat, TimeSpan.Zero, false, true);

    /// <summary>Nobody listens on the port.</summary>
    public static Heartbeat Refused { get; } = new("refused", false, null, TimeSpan.Zero, true, true);

    /// <summary>The connection is accepted and the beat read, but never answered.</summary>
    public static Heartbeat Unanswered { get; } = new("never answered", false, null, TimeSpan.Zero, false, false);

    /// <summary>The connection is closed instead of an answer.</summary>
    public static Heartbeat Closed { get; } = new("closed without an answer", false, null, TimeSpan.Zero, false, true);

    internal string Description { get; }

    /// <summary>Whether an enclave gets over it.</summary>
    internal bool IsAnswered { get; }

    internal byte? Answer { get; }

    internal TimeSpan Delay { get; }

    internal bool IsRefused { get; }

    internal bool Closes { get; }

    /// <summary>Answered by another byte.</summary>
    public static Heartbeat Wrong(byte answer) => new($"answered by 0x{answer:x2}", answer == Beat, answer, TimeSpan.Zero, false, true);

    /// <summary>Answered after a while.</summary>
    public static Heartbeat Late(TimeSpan delay) => new($"answered after {Text.Duration(delay)}", true, Beat, delay, false, true);

    /// <summary>How it is answered.</summary>
    public override string ToString() => Description;
}
