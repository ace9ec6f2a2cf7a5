using System.Text;
using EnclaveTesting.Engine.Devices;

namespace EnclaveTesting.Engine.Machine;

/// <summary>
/// Watches the serial console on its way to the sink for a kernel panic, as kernel/panic.c prints it: the line
/// "Kernel panic - not syncing: REASON" and, once all is printed, "---[ end Kernel panic - not syncing: REASON ]---".
/// Only at the start of a line, after an optional time stamp, so that a program that quotes the words is no panic.
/// </summary>
internal sealed class PanicDetector(ISerialSink sink) : ISerialSink
{
    private const int LongestLine = 512;

    private static ReadOnlySpan<byte> Panic => "Kernel panic - not syncing"u8;

    private static ReadOnlySpan<byte> PanicEnd => "---[ end Kernel panic - not syncing"u8;

    private readonly byte[] _line = new byte[LongestLine];
    private int _length;

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

        ReadOnlySpan<byte> line = WithoutTimeStamp(_line.AsSpan(0, _length));
        _length = 0;
        if (line.StartsWith(Panic))
            Reason ??= Encoding.UTF8.GetString(line);
        else if (Reason is not null && line.StartsWith(PanicEnd))
            Panicked?.Invoke();
    }

    private static ReadOnlySpan<byte> WithoutTimeStamp(ReadOnlySpan<byte> line)
    {
        if (line.IsEmpty || line[0] != '[')
            return line;
        int end = line.IndexOf("] "u8);
        return end < 0 ? line : line[(end + 2)..];
    }
}
