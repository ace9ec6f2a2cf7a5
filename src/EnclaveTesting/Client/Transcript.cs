using System.Globalization;
using System.Text;

namespace EnclaveTesting;

/// <summary>The first bytes of one direction of a conversation, and how many there were.</summary>
internal sealed class Transcript
{
    private const int Kept = 64 * 1024;
    private const int Shown = 200;

    private readonly Lock _lock = new();
    private readonly MemoryStream _first = new();
    private long _count;

    public long Count
    {
        get
        {
            lock (_lock)
                return _count;
        }
    }

    /// <summary>The first 64 KiB.</summary>
    public byte[] FirstBytes
    {
        get
        {
            lock (_lock)
                return _first.ToArray();
        }
    }

    public void Add(ReadOnlySpan<byte> bytes)
    {
        lock (_lock)
        {
            _first.Write(bytes[..(int)Math.Min(bytes.Length, Kept - _first.Length)]);
            _count += bytes.Length;
        }
    }

    /// <summary>Takes over what another transcript has.</summary>
    public void Add(Transcript other)
    {
        byte[] first = other.FirstBytes;
        long count = other.Count;
        Add(first);
        lock (_lock)
            _count += count - first.Length;
    }

    /// <summary>For messages: how many bytes, and the first of them as text or in hexadecimal.</summary>
    public override string ToString() => Describe(FirstBytes, Count);

    public static string Describe(ReadOnlySpan<byte> bytes, long count)
    {
        if (count == 0)
            return "nothing";
        ReadOnlySpan<byte> shown = bytes[..Math.Min(bytes.Length, Shown)];
        string text = shown.ContainsAnyExceptInRange((byte)0x20, (byte)0x7e) && !IsText(shown)
            ? "0x" + Convert.ToHexStringLower(shown)
            : "\"" + Encoding.UTF8.GetString(shown).Replace("\r", "\\r", StringComparison.Ordinal).Replace("\n", "\\n", StringComparison.Ordinal) + "\"";
        return string.Create(CultureInfo.InvariantCulture, $"{text}{(count > shown.Length ? $"... ({count} bytes)" : "")}");
    }

    private static bool IsText(ReadOnlySpan<byte> bytes)
    {
        foreach (byte value in bytes)
        {
            if (value is < 0x20 and not (byte)'\n' and not (byte)'\r' and not (byte)'\t' or > 0x7e)
                return false;
        }

        return true;
    }
}
