namespace EnclaveTesting;

/// <summary>One line that the enclave printed.</summary>
/// <param name="Number">Position on the console, from 0; lines that were dropped count.</param>
/// <param name="Time">When the line's last byte came, by the host's clock, since the console was opened.</param>
/// <param name="Text">
/// The text without its line end. Bytes that are not UTF-8 and control characters stand as <c>\xNN</c>, a tab as itself.
/// </param>
public sealed record ConsoleLine(long Number, TimeSpan Time, string Text)
{
    /// <summary>The text.</summary>
    public override string ToString() => Text;
}
