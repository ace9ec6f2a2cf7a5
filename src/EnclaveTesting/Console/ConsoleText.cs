using System.Buffers;
using System.Globalization;
using System.Text;

namespace EnclaveTesting;

/// <summary>Makes text of what a guest printed: everything that is not plain text becomes visible.</summary>
internal static class ConsoleText
{
    /// <summary>UTF-8 as it is; invalid bytes and control characters but the tab as <c>\xNN</c>.</summary>
    public static string Decode(ReadOnlySpan<byte> bytes)
    {
        if (!bytes.ContainsAnyExceptInRange((byte)0x20, (byte)0x7e))
            return Encoding.ASCII.GetString(bytes);
        var text = new StringBuilder(bytes.Length + 16);
        while (!bytes.IsEmpty)
        {
            OperationStatus status = Rune.DecodeFromUtf8(bytes, out Rune rune, out int consumed);
            if (status == OperationStatus.Done && (rune.Value == '\t' || !Rune.IsControl(rune)))
            {
                text.Append(rune.ToString());
            }
            else
            {
                foreach (byte value in bytes[..consumed])
                    text.Append(CultureInfo.InvariantCulture, $"\\x{value:x2}");
            }

            bytes = bytes[consumed..];
        }

        return text.ToString();
    }
}
