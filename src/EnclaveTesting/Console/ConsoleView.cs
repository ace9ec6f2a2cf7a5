namespace EnclaveTesting;

/// <summary>Part of what an enclave printed, as it was when the view was taken.</summary>
public sealed class ConsoleView
{
    internal ConsoleView(string name, string text, SnapshotSettings snapshots)
    {
        Name = name;
        Text = text;
        Snapshots = snapshots;
    }

    /// <summary>What it shows: "boot log", "application log" or "console".</summary>
    public string Name { get; }

    /// <summary>The lines, each with a line feed at its end.</summary>
    public string Text { get; }

    /// <summary>The lines without their ends.</summary>
    public IReadOnlyList<string> Lines => Text.Length == 0 ? [] : Text.TrimEnd('\n').Split('\n');

    internal SnapshotSettings Snapshots { get; }

    /// <summary>The text.</summary>
    public override string ToString() => Text;
}
