using Microsoft.Win32.SafeHandles;

namespace EnclaveTesting.Engine.State;

/// <summary>Reads a file from front to back and trusts nothing in it.</summary>
internal sealed class SnapshotReader(string path, SafeFileHandle file, long offset = 0)
{
    /// <summary>Where it is.</summary>
    public long Offset { get; private set; } = offset;

    /// <summary>The file's length now, in bytes.</summary>
    public long Length => RandomAccess.GetLength(file);

    /// <summary>Reads so many bytes.</summary>
    /// <exception cref="StateFormatException">The file ends before.</exception>
    public void ReadExactly(Span<byte> bytes)
    {
        int done = 0;
        for (int count; done < bytes.Length; done += count)
        {
            count = RandomAccess.Read(file, bytes[done..], Offset + done);
            if (count == 0)
                throw new StateFormatException(path, Offset, $"{bytes.Length} bytes", $"{done}: the file is cut short");
        }

        Offset += done;
    }

    /// <summary>Reads a part and the checksum behind it.</summary>
    /// <exception cref="StateFormatException">The file ends before, or the part is not what was written.</exception>
    public void ReadChecked(Span<byte> part)
    {
        long at = Offset;
        ReadExactly(part);
        Span<byte> expected = stackalloc byte[PartChecksum.Size], found = stackalloc byte[PartChecksum.Size];
        ReadExactly(expected);
        PartChecksum.Compute(part, found);
        if (!found.SequenceEqual(expected))
            throw new StateFormatException(path, at, $"{part.Length} bytes with checksum {Convert.ToHexStringLower(expected)}", $"{Convert.ToHexStringLower(found)}: the file is damaged");
    }

    /// <inheritdoc cref="ReadChecked"/>
    public ReadOnlyMemory<byte> ReadPart(int length)
    {
        // Not more than the file can have is reserved.
        if (length + PartChecksum.Size > Length - Offset)
            throw new StateFormatException(path, Offset, $"{length + PartChecksum.Size} bytes", $"{Length - Offset}: the file is cut short");
        byte[] bytes = new byte[length];
        ReadChecked(bytes);
        return bytes;
    }
}
