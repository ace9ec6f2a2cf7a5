using System.Text;
using EnclaveTesting.Engine.Devices;
using EnclaveTesting.Engine.State;

namespace EnclaveTesting.Engine.Machine;

/// <summary>
/// Watches the serial console on its way to the sink for a kernel panic, as kernel/panic.c prints it: the line
/// "Kernel panic - not syncing: REASON" and, once all is printed, either "---[ end Kernel panic - not syncing: REASON ]---" or, with
/// panic=SECONDS on the command line, "Rebooting in SECONDS seconds..". The first counts at the start of a line or after the kernel's time
/// stamp, which may follow what a program had begun to print, so that a program that quotes the words is no panic.
/// </summary>
internal sealed class PanicDetector(ISerialSink sink) : ISerialSink
{
    private const int LongestLine = 512;

    private static ReadOnlySpan<byte> Panic => "Kernel panic - not syncing"u8;

    private static ReadOnlySpan<byte> PanicEnd => "---[ end Kernel panic - not syncing"u8;

    private static ReadOnlySpan<byte> Rebooting => "Rebooting in "u8;

    private static ReadOnlySpan<byte> RebootingEnd => " seconds.."u8;

    private readonly byte[] _line = new byte[LongestLine];
    private int _length;

    /// <summary>Saves the line that has begun and what was found, or restores them.</summary>
    public void Exchange(StateArchive archive)
    {
        _length = archive.Within(_length, 0, LongestLine);
        archive.Fixed(_line.AsSpan(0, _length));
        bool found = archive.Flag(Reason is not null);
        string reason = archive.Text(Reason ?? "", 4 * LongestLine);
        Reason = found ? reason : null;
    }

    /// <summary>Called, on the machine's thread, when the panic's last line is complete.</summary>
    public Action? Panicked { get; set; }

    /// <summary>The first panic line without its time stamp, or null.</summary>
    public string? Reason { get; private set; }

    /// <inheritdoc/>
    public void Write(byte value)
    {
        sink.Write(value);
        if (value is not ((byte)'\n' or (byte)'\r'))
        {
            if (_length < LongestLine)
                _line[_length++] = value;
            return;
        }

        ReadOnlySpan<byte> line = _line.AsSpan(0, _length);
        _length = 0;
        if (Reason is null)
            Reason = FindPanic(line);
        else if (line.IndexOf(PanicEnd) >= 0 || (line.IndexOf(Rebooting) >= 0 && line.IndexOf(RebootingEnd) >= 0))
            Panicked?.Invoke();
    }

    private static string? FindPanic(ReadOnlySpan<byte> line)
    {
        int start = line.IndexOf(Panic);
        return start == 0 || (start > 0 && EndsWithTimeStamp(line[..start])) ? Encoding.UTF8.GetString(line[start..]) : null;
    }

    // "[    0.362065] "
    private static bool EndsWithTimeStamp(ReadOnlySpan<byte> text)
    {
        if (!text.EndsWith("] "u8))
            return false;
        text = text[..^2];
        int open = text.LastIndexOf((byte)'[');
        return open >= 0 && text.Length - open > 1 && text[(open + 1)..].IndexOfAnyExcept(" .0123456789"u8) < 0;
    }
}
