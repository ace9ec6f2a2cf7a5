using System.Globalization;
using System.Text;

namespace EnclaveTesting.Engine.Tests.Images;

/// <summary>Reads newc archives for tests, as strictly as the format's description allows.</summary>
internal static class CpioReader
{
    public static List<Entry> Read(ReadOnlySpan<byte> archive)
    {
        var entries = new List<Entry>();
        for (int offset = 0; ;)
        {
            string header = Encoding.ASCII.GetString(archive.Slice(offset, 110));
            header[..6].Should().Be("070701");
            uint[] fields = [.. Enumerable.Range(0, 13).Select(i => uint.Parse(header.AsSpan(6 + 8 * i, 8), NumberStyles.AllowHexSpecifier, CultureInfo.InvariantCulture))];
            string name = Encoding.UTF8.GetString(archive.Slice(offset + 110, (int)fields[11] - 1));
            archive[offset + 110 + (int)fields[11] - 1].Should().Be(0);
            offset = Align(offset + 110 + (int)fields[11]);
            byte[] data = archive.Slice(offset, (int)fields[6]).ToArray();
            offset = Align(offset + data.Length);
            if (name == "TRAILER!!!")
            {
                archive[offset..].ContainsAnyExcept((byte)0).Should().BeFalse();
                return entries;
            }

            fields[5].Should().Be(0, "times would make archives differ");
            fields[12].Should().Be(0);
            entries.Add(new Entry(name, fields[1], fields[2], fields[3], fields[4], fields[0], fields[9], fields[10], data));
        }
    }

    private static int Align(int offset) => (offset + 3) & ~3;

    internal sealed record Entry(string Name, uint Mode, uint Uid, uint Gid, uint Links, uint Inode, uint Major, uint Minor, byte[] Data)
    {
        public string Text => Encoding.UTF8.GetString(Data);
    }
}
