using System.Text.RegularExpressions;

namespace EnclaveTesting;

/// <summary>Takes out of a text what differs from run to run, before it is compared with a snapshot. Works line by line.</summary>
public sealed partial class Scrubber
{
    private readonly Func<string, string?> _scrub;

    private Scrubber(string name, Func<string, string?> scrub)
    {
        Name = name;
        _scrub = scrub;
    }

    /// <summary>What it does, in words.</summary>
    public string Name { get; }

    /// <summary>Linux's time stamps at the start of a line: <c>[    0.123456] </c>.</summary>
    public static Scrubber KernelTimestamps { get; } = Replace("kernel time stamps", KernelTimestamp(), "");

    /// <summary>Kernel virtual addresses, <c>ffff…</c> with 16 digits, which address space randomisation moves.</summary>
    public static Scrubber KernelAddresses { get; } = Replace("kernel addresses", KernelAddress(), "<address>");

    /// <summary>Every hexadecimal number of 8 digits or more, with or without 0x.</summary>
    public static Scrubber Addresses { get; } = Replace("addresses", AnyAddress(), "<address>");

    /// <summary>The speed of the processor: <c>2400.000 MHz</c>, <c>4800.00 BogoMIPS (lpj=2400000)</c>.</summary>
    public static Scrubber TscFrequency { get; } = Replace("processor speeds", Frequency(), "<frequency>");

    /// <summary>Amounts of memory: <c>249512K/261752K</c>, <c>64 KiB</c>, <c>1024 bytes</c>.</summary>
    public static Scrubber MemorySizes { get; } = Replace("memory sizes", MemorySize(), "<size>");

    /// <summary>When and by whom a kernel was built: the end of its banner after <c>#</c>.</summary>
    public static Scrubber BuildIds { get; } = Replace("build ids", BuildId(), "<build>");

    /// <summary>
    /// Removes the line that Linux prints when it goes on from a saved boot or is cloned, and draws other random numbers from then on
    /// (drivers/char/random.c); an enclave that has booted does not print it.
    /// </summary>
    public static Scrubber CloneNotices { get; } = new("notices of being cloned", line => CloneNotice().IsMatch(line) ? null : line);

    /// <summary>What is used when nobody says otherwise: <see cref="KernelTimestamps"/>, <see cref="KernelAddresses"/> and <see cref="CloneNotices"/>.</summary>
    internal static IReadOnlyList<Scrubber> Defaults { get; } = [KernelTimestamps, KernelAddresses, CloneNotices];

    /// <summary>Replaces what matches a pattern.</summary>
    public static Scrubber Replace(Regex pattern, string replacement)
    {
        ArgumentNullException.ThrowIfNull(pattern);
        return Replace($"/{pattern}/", pattern, replacement);
    }

    /// <summary>Replaces a text.</summary>
    public static Scrubber Replace(string text, string replacement)
    {
        ArgumentException.ThrowIfNullOrEmpty(text);
        return new Scrubber($"\"{text}\"", line => line.Replace(text, replacement, StringComparison.Ordinal));
    }

    /// <summary>Removes the lines that contain a text.</summary>
    public static Scrubber RemoveLines(string text)
    {
        ArgumentException.ThrowIfNullOrEmpty(text);
        return new Scrubber($"lines with \"{text}\"", line => line.Contains(text, StringComparison.Ordinal) ? null : line);
    }

    /// <summary>Removes the lines that match a pattern.</summary>
    public static Scrubber RemoveLines(Regex pattern)
    {
        ArgumentNullException.ThrowIfNull(pattern);
        return new Scrubber($"lines with /{pattern}/", line => pattern.IsMatch(line) ? null : line);
    }

    /// <summary>Does what a function says with each line; null removes it.</summary>
    public static Scrubber Lines(Func<string, string?> scrub)
    {
        ArgumentNullException.ThrowIfNull(scrub);
        return new Scrubber("a function", scrub);
    }

    /// <summary>The name.</summary>
    public override string ToString() => Name;

    /// <summary>Applies scrubbers, in order, to every line.</summary>
    internal static string Apply(IEnumerable<Scrubber> scrubbers, string text)
    {
        IEnumerable<string> lines = text.ReplaceLineEndings("\n").Split('\n');
        foreach (Scrubber scrubber in scrubbers)
            lines = lines.Select(scrubber._scrub).OfType<string>();
        return string.Join('\n', lines);
    }

    private static Scrubber Replace(string name, Regex pattern, string replacement) => new(name, line => pattern.Replace(line, replacement));

    [GeneratedRegex(@"^\[ *\d+\.\d{6}\](\[ *[TC]\d+\])? ")]
    private static partial Regex KernelTimestamp();

    [GeneratedRegex(@"^(\[[^\]]*\] ?)*random: crng reseeded due to virtual machine fork$")]
    private static partial Regex CloneNotice();

    [GeneratedRegex(@"\b(0x)?[fF]{4}[0-9a-fA-F]{12}\b")]
    private static partial Regex KernelAddress();

    [GeneratedRegex(@"\b(0x)?[0-9a-fA-F]{8,}\b")]
    private static partial Regex AnyAddress();

    [GeneratedRegex(@"\b\d+\.\d+ (MHz|BogoMIPS)( \(lpj=\d+\))?")]
    private static partial Regex Frequency();

    [GeneratedRegex(@"\b\d+(K/\d+K|K\b| ?[KMG]i?B\b| bytes\b)")]
    private static partial Regex MemorySize();

    [GeneratedRegex(@"(?<=^(\[[^\]]*\] )?Linux version .*)#\d+.*$")]
    private static partial Regex BuildId();
}
