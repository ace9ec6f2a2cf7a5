using System.Buffers;
using System.Globalization;
using System.Text;

namespace EnclaveTesting.Engine.Images;

/// <summary>
/// Writes the "newc" form of cpio that Linux unpacks as an initramfs (Documentation/driver-api/early-userspace/buffer-format.rst):
/// a header of hexadecimal text, the name, the data, each padded to four bytes. Times are zero and inode numbers count from one,
/// so that the same entries give the same bytes.
/// </summary>
internal sealed class CpioWriter(Stream stream)
{
    public const uint TypeDirectory = 0x4000;
    public const uint TypeRegular = 0x8000;
    public const uint TypeSymbolicLink = 0xA000;
    public const uint TypeCharacterDevice = 0x2000;
    public const uint TypeBlockDevice = 0x6000;
    public const uint TypeFifo = 0x1000;

    private const int CopySize = 256 * 1024;
    private const int Alignment = 4;

    private static readonly byte[] Padding = new byte[Alignment];

    private uint _inode;

    /// <summary>Writes an entry whose data is in memory.</summary>
    public void Write(string name, uint mode, uint uid, uint gid, ReadOnlySpan<byte> data, uint deviceMajor = 0, uint deviceMinor = 0)
    {
        WriteHeader(name, ++_inode, mode, uid, gid, (uint)data.Length, deviceMajor, deviceMinor);
        stream.Write(data);
        Pad(data.Length);
    }

    /// <summary>Writes a regular file whose data comes from another stream and must have exactly <paramref name="length"/> bytes.</summary>
    public void Write(string name, uint mode, uint uid, uint gid, Stream data, uint length)
    {
        WriteHeader(name, ++_inode, mode, uid, gid, length, 0, 0);
        byte[] buffer = ArrayPool<byte>.Shared.Rent(CopySize);
        try
        {
            for (long rest = length; rest > 0;)
            {
                int read = data.Read(buffer, 0, (int)Math.Min(buffer.Length, rest));
                if (read == 0)
                    throw new IOException($"{name}: expected {length} bytes, found {length - rest}: the file changed while it was being packed.");
                stream.Write(buffer, 0, read);
                rest -= read;
            }
        }
        finally
        {
            ArrayPool<byte>.Shared.Return(buffer);
        }

        Pad(length);
    }

    /// <summary>Writes the end mark; the archive is complete, but another may follow it.</summary>
    public void Finish() => WriteHeader("TRAILER!!!", 0, 0, 0, 0, 0, 0, 0);

    private void WriteHeader(string name, uint inode, uint mode, uint uid, uint gid, uint length, uint deviceMajor, uint deviceMinor)
    {
        uint links = (mode & 0xF000) == TypeDirectory ? 2u : 1u;
        byte[] nameBytes = Encoding.UTF8.GetBytes(name);
        var header = new StringBuilder(110).Append("070701");
        foreach (uint field in (ReadOnlySpan<uint>)[inode, mode, uid, gid, links, 0, length, 0, 0, deviceMajor, deviceMinor, (uint)nameBytes.Length + 1, 0])
            header.Append(CultureInfo.InvariantCulture, $"{field:X8}");
        stream.Write(Encoding.ASCII.GetBytes(header.ToString()));
        stream.Write(nameBytes);
        stream.WriteByte(0);
        Pad(header.Length + nameBytes.Length + 1);
    }

    private void Pad(long written) => stream.Write(Padding, 0, (int)(-written & (Alignment - 1)));
}
