using System.Runtime.CompilerServices;

namespace EnclaveTesting;

/// <summary>How a text becomes a snapshot. Immutable: every method gives new settings.</summary>
public sealed record SnapshotSettings
{
    /// <summary>The settings when nobody says otherwise.</summary>
    public static SnapshotSettings Default { get; } = new();

    /// <summary>What is taken out before comparing.</summary>
    public IReadOnlyList<Scrubber> Scrubbers { get; init; } = Scrubber.Defaults;

    /// <summary>A folder for the files, relative to the test's source file; null puts them beside it.</summary>
    internal string? Folder { get; init; }

    /// <summary>What stands after the method's name in the file's name, for tests that run several times.</summary>
    internal string Suffix { get; init; } = "";

    /// <summary>Adds scrubbers to those there are.</summary>
    public SnapshotSettings WithScrubbers(params IEnumerable<Scrubber> scrubbers) => this with { Scrubbers = [.. Scrubbers, .. scrubbers] };

    /// <summary>Takes all scrubbers away.</summary>
    public SnapshotSettings WithoutScrubbers() => this with { Scrubbers = [] };

    /// <summary>Puts the files into a folder, relative to the test's source file.</summary>
    public SnapshotSettings InFolder(string folder) => this with { Folder = folder };

    /// <summary>Gives each value of a parameter a snapshot of its own: <c>Type.Method_name=value.verified.txt</c>.</summary>
    public SnapshotSettings WithParameter(object? value, [CallerArgumentExpression(nameof(value))] string name = "") =>
        this with { Suffix = $"{Suffix}_{name}={value ?? "null"}" };

    /// <summary>Gives each of several snapshots of a test a name: <c>Type.Method_text.verified.txt</c>.</summary>
    public SnapshotSettings WithText(string text) => this with { Suffix = $"{Suffix}_{text}" };

    /// <summary>Gives each accelerator a snapshot of its own: <c>Type.Method_Kvm.verified.txt</c>. Rarely a good sign.</summary>
    public SnapshotSettings PerAccelerator(Enclave enclave)
    {
        ArgumentNullException.ThrowIfNull(enclave);
        return WithText(enclave.Accelerator.ToString());
    }
}
