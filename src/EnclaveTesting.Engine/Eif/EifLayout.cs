using System.Buffers;
using System.Buffers.Binary;
using System.IO.Hashing;

namespace EnclaveTesting.Engine.Eif;

/// <summary>
/// An image about to be written. The header comes first and holds the CRC, and the signature needs PCR0, so the inputs are read
/// twice: once to measure them, once to copy them. Files stay open between, and a file that changed is noticed by its CRC.
/// </summary>
internal sealed class EifLayout : IDisposable
{
    private readonly byte[] _header;
    private readonly List<Piece> _pieces;

    private EifLayout(byte[] header, List<Piece> pieces, EifMeasurements measurements)
    {
        _header = header;
        _pieces = pieces;
        Measurements = measurements;
        Length = header.Length + pieces.Sum(piece => EifSection.HeaderSize + (long)piece.Section.Length);
    }

    /// <summary>Size of the image in bytes.</summary>
    public long Length { get; }

    public EifMeasurements Measurements { get; }

    public static EifLayout Create(EifArchitecture architecture, long memory, long cpus, IReadOnlyList<EifPart> parts, EifSigner? signer)
    {
        var pieces = new List<Piece>();
        try
        {
            foreach (var part in parts)
                pieces.Add(Piece.Create(part.Type, pieces.Count, part.Open()));

            var measurements = Measure(pieces);
            if (signer is not null)
            {
                byte[] signature = signer.Sign(measurements.Pcr0);
                pieces.Add(Piece.Create(EifSectionType.Signature, pieces.Count, new MemoryEifSource("<signature>", signature)));
                var entry = EifSignature.ParseSection("<signature>", 0, signature)[0];
                measurements = measurements with { Pcr8 = PcrValue.Measure(entry.CertificateDer.Span) };
                pieces[^1].Sum = Piece.SumOf(pieces[^1].Section.Header, signature);
            }

            byte[] header = CreateHeader(architecture, memory, cpus, pieces);
            uint crc = Crc32.HashToUInt32(header.AsSpan(0, EifHeader.Crc32Offset));
            foreach (var piece in pieces)
                crc = Crc32Combiner.Combine(crc, piece.Sum, EifSection.HeaderSize + (long)piece.Section.Length);
            BinaryPrimitives.WriteUInt32BigEndian(header.AsSpan(EifHeader.Crc32Offset), crc);
            return new EifLayout(header, pieces, measurements with { Crc32 = crc });
        }
        catch
        {
            pieces.ForEach(static piece => piece.Source.Dispose());
            throw;
        }
    }

    public void WriteTo(Stream stream)
    {
        stream.Write(_header);
        byte[] buffer = ArrayPool<byte>.Shared.Rent(EifMeasurer.ChunkSize);
        try
        {
            foreach (var piece in _pieces)
            {
                stream.Write(piece.Section.Header);
                var copy = new Copy(piece);
                while (copy.Next(buffer) is { Length: > 0 } chunk)
                    stream.Write(chunk.Span);
            }
        }
        finally
        {
            ArrayPool<byte>.Shared.Return(buffer);
        }
    }

    public async Task WriteToAsync(Stream stream, CancellationToken cancellationToken)
    {
        await stream.WriteAsync(_header, cancellationToken).ConfigureAwait(false);
        byte[] buffer = ArrayPool<byte>.Shared.Rent(EifMeasurer.ChunkSize);
        try
        {
            foreach (var piece in _pieces)
            {
                await stream.WriteAsync(piece.Section.Header.ToArray(), cancellationToken).ConfigureAwait(false);
                var copy = new Copy(piece);
                while (copy.Next(buffer) is { Length: > 0 } chunk)
                    await stream.WriteAsync(chunk, cancellationToken).ConfigureAwait(false);
            }
        }
        finally
        {
            ArrayPool<byte>.Shared.Return(buffer);
        }
    }

    public void Dispose() => _pieces.ForEach(static piece => piece.Source.Dispose());

    private static EifMeasurements Measure(List<Piece> pieces)
    {
        using var measurer = new EifMeasurer();
        foreach (var piece in pieces.OrderBy(piece => EifMeasurer.Rank(piece.Section)))
            piece.Sum = measurer.Visit(piece.Source, piece.Section);
        return measurer.Finish(pcr8: null, crc: 0);
    }

    private static byte[] CreateHeader(EifArchitecture architecture, long memory, long cpus, List<Piece> pieces)
    {
        Span<long> offsets = stackalloc long[pieces.Count];
        Span<long> sizes = stackalloc long[pieces.Count];
        long offset = EifHeader.Size;
        for (int i = 0; i < pieces.Count; i++)
        {
            offsets[i] = offset;
            sizes[i] = pieces[i].Section.Length;
            offset += EifSection.HeaderSize + sizes[i];
        }

        return EifHeader.Create(architecture, memory, cpus, offsets, sizes);
    }

    /// <summary>One section to be written; the section's offset is that in its own source, zero.</summary>
    private sealed class Piece(EifSection section, EifSource source)
    {
        public EifSection Section { get; } = section;

        public EifSource Source { get; } = source;

        public uint Sum { get; set; }

        public static Piece Create(EifSectionType type, int index, EifSource source)
        {
            if (source.Length > Array.MaxLength)
            {
                long length = source.Length;
                source.Dispose();
                throw new InvalidOperationException($"{source.Name} has {length} bytes; a section has less than 2 GiB ({Array.MaxLength} bytes at most).");
            }

            var header = new byte[EifSection.HeaderSize];
            BinaryPrimitives.WriteUInt16BigEndian(header, (ushort)type);
            BinaryPrimitives.WriteInt64BigEndian(header.AsSpan(4), source.Length);
            return new Piece(new EifSection(source, index, type, 0, (int)source.Length, header), source);
        }

        public static uint SumOf(ReadOnlySpan<byte> header, ReadOnlySpan<byte> data)
        {
            var crc = new Crc32();
            crc.Append(header);
            crc.Append(data);
            return crc.GetCurrentHashAsUInt32();
        }
    }

    /// <summary>Copies one section in chunks and checks at its end that it is still what was measured.</summary>
    private sealed class Copy
    {
        private readonly Piece _piece;
        private readonly Crc32 _crc = new();
        private int _offset;

        public Copy(Piece piece)
        {
            _piece = piece;
            _crc.Append(piece.Section.Header);
        }

        public ReadOnlyMemory<byte> Next(byte[] buffer)
        {
            int length = Math.Min(EifMeasurer.ChunkSize, _piece.Section.Length - _offset);
            if (length == 0)
            {
                if (_crc.GetCurrentHashAsUInt32() != _piece.Sum)
                    throw new IOException($"{_piece.Source.Name} changed while the image was being written.");
                return default;
            }

            var chunk = buffer.AsMemory(0, length);
            _piece.Source.ReadExactly(_offset, chunk.Span);
            _crc.Append(chunk.Span);
            _offset += length;
            return chunk;
        }
    }
}
