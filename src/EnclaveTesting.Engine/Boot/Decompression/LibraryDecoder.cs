namespace EnclaveTesting.Engine.Boot.Decompression;

/// <summary>A decoder of a library that takes its input byte by byte and so never reads past its end.</summary>
internal abstract class LibraryDecoder(CompressedInput input) : Decoder(input)
{
    private Stream? _library;

    public override int Read(Span<byte> destination)
    {
        if (destination.IsEmpty)
            return 0;
        try
        {
            _library ??= Open(new Source(Input));
            return _library.Read(destination);
        }
        catch (Exception exception) when (exception is not (CompressedDataException or UnknownDataException or Eif.EifFormatException or ObjectDisposedException))
        {
            // The library has many words for it, index errors among them.
            throw new CompressedDataException(Input.Position, "sound compressed data", exception.Message, exception);
        }
    }

    public override void Dispose() => _library?.Dispose();

    /// <summary>Makes the library's decoder.</summary>
    protected abstract Stream Open(Stream source);

    /// <summary>The input; its end is an error, which the libraries would take for zeroes or ones.</summary>
    protected sealed class Source(CompressedInput input) : InputStream
    {
        public override int Read(Span<byte> buffer)
        {
            if (!buffer.IsEmpty && !input.Fill(1))
                throw input.Truncated(1);
            int count = Math.Min(buffer.Length, input.Buffer.Length);
            input.Buffer[..count].CopyTo(buffer);
            input.Advance(count);
            return count;
        }

        public override int ReadByte() => input.ReadByte();
    }
}
