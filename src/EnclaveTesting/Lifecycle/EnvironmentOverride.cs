using System.Text;
using EnclaveTesting.Engine.Eif;
using EnclaveTesting.Engine.Images;

namespace EnclaveTesting;

/// <summary>
/// Gives an enclave's command other environment variables: the image's /env, one entry per line, is read from its ramdisks, changed, and put
/// into a ramdisk of its own that follows them.
/// </summary>
internal static class EnvironmentOverride
{
    private const int LargestEnvironment = 1 << 20;

    /// <summary>A ramdisk with the changed /env; with <paramref name="initrd"/> before it, if there is one.</summary>
    public static byte[] Build(EifImage image, IReadOnlyDictionary<string, string> variables, ReadOnlyMemory<byte> initrd)
    {
        var lines = new List<string>();
        foreach (EifSection ramdisk in image.Ramdisks)
        {
            using var stream = new SectionStream(ramdisk);
            if (CpioScanner.FindFile(stream, "env", LargestEnvironment) is { } file)
                lines = [.. Encoding.UTF8.GetString(file).Split('\n', StringSplitOptions.RemoveEmptyEntries)];
        }

        lines.RemoveAll(line => variables.ContainsKey(line.Split('=', 2)[0]));
        lines.AddRange(variables.Select(variable => $"{variable.Key}={variable.Value}"));
        byte[] archive = new CpioArchive().AddFile("env", string.Join('\n', lines) + "\n").Build();
        int start = (initrd.Length + 3) & ~3;
        byte[] both = new byte[start + archive.Length];
        initrd.CopyTo(both);
        archive.CopyTo(both, start);
        return both;
    }

    /// <summary>A section, read from front to back.</summary>
    private sealed class SectionStream(EifSection section) : Stream
    {
        private long _position;

        public override bool CanRead => true;

        public override bool CanSeek => false;

        public override bool CanWrite => false;

        public override long Length => section.Length;

        public override long Position
        {
            get => _position;
            set => throw new NotSupportedException();
        }

        public override int Read(Span<byte> buffer)
        {
            int count = (int)Math.Min(buffer.Length, section.Length - _position);
            section.Read(_position, buffer[..count]);
            _position += count;
            return count;
        }

        public override int Read(byte[] buffer, int offset, int count) => Read(buffer.AsSpan(offset, count));

        public override void Flush()
        {
            // Nothing is written.
        }

        public override long Seek(long offset, SeekOrigin origin) => throw new NotSupportedException();

        public override void SetLength(long value) => throw new NotSupportedException();

        public override void Write(byte[] buffer, int offset, int count) => throw new NotSupportedException();
    }
}
