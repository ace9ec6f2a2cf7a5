using System.Formats.Cbor;

namespace EnclaveTesting.Attestation;

/// <summary>A COSE_Sign1 message: [ protected header, unprotected header, payload, signature ] (RFC 9052 §4.2).</summary>
/// <param name="Encoded">The whole message.</param>
/// <param name="Header">The protected header as it is encoded.</param>
/// <param name="Algorithm">The algorithm in it; null if it has none that is a number.</param>
/// <param name="Payload">What is signed.</param>
/// <param name="Signature">The signature.</param>
internal sealed record AttestationMessage(
    ReadOnlyMemory<byte> Encoded, ReadOnlyMemory<byte> Header, long? Algorithm, ReadOnlyMemory<byte> Payload, ReadOnlyMemory<byte> Signature)
{
    private const CborTag CoseSign1Tag = (CborTag)18;
    private const ulong AlgorithmLabel = 1;
    private const int MaxPayloadSize = 16384;

    public static AttestationMessage Decode(ReadOnlyMemory<byte> encoded)
    {
        try
        {
            var reader = new CborReader(encoded);
            if (reader.PeekState() == CborReaderState.Tag && reader.ReadTag() != CoseSign1Tag)
                throw new CborContentException("a tag that is not COSE_Sign1's");
            if (reader.ReadStartArray() is not (4 or null))
                throw new CborContentException("an array that has not four members");
            var header = reader.ReadByteString();
            reader.ReadStartMap();
            while (reader.PeekState() != CborReaderState.EndMap)
                reader.SkipValue();
            reader.ReadEndMap();
            var payload = reader.ReadByteString();
            var signature = reader.ReadByteString();
            reader.ReadEndArray();
            if (reader.BytesRemaining != 0)
                throw new CborContentException($"{reader.BytesRemaining} bytes after the message");
            if (payload.Length is 0 or > MaxPayloadSize)
                throw new AttestationException(AttestationStep.FieldContent, $"the payload has {payload.Length} bytes; 1 to {MaxPayloadSize} are allowed.");
            return new AttestationMessage(encoded, header, ReadAlgorithm(header), payload, signature);
        }
        catch (Exception exception) when (exception is CborContentException or InvalidOperationException or OverflowException)
        {
            throw new AttestationException(AttestationStep.Encoding, $"it is no COSE_Sign1 message: {exception.Message}", exception);
        }
    }

    /// <summary>The bytes that the signature is over (RFC 9052 §4.4).</summary>
    public byte[] EncodeSigStructure()
    {
        var writer = new CborWriter();
        writer.WriteStartArray(4);
        writer.WriteTextString("Signature1");
        writer.WriteByteString(Header.Span);
        writer.WriteByteString([]);
        writer.WriteByteString(Payload.Span);
        writer.WriteEndArray();
        return writer.Encode();
    }

    private static long? ReadAlgorithm(ReadOnlyMemory<byte> header)
    {
        if (header.IsEmpty)
            return null;
        long? algorithm = null;
        var reader = new CborReader(header);
        for (reader.ReadStartMap(); reader.PeekState() != CborReaderState.EndMap;)
        {
            ulong? label = null;
            if (reader.PeekState() == CborReaderState.UnsignedInteger)
                label = reader.ReadUInt64();
            else
                reader.SkipValue();
            if (label == AlgorithmLabel && reader.PeekState() is (CborReaderState.UnsignedInteger or CborReaderState.NegativeInteger))
                algorithm = reader.ReadInt64();
            else
                reader.SkipValue();
        }

        reader.ReadEndMap();
        return algorithm;
    }
}
