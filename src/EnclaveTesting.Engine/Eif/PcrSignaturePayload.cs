using System.Formats.Cbor;

namespace EnclaveTesting.Engine.Eif;

/// <summary>What an image signature is over: CBOR { "register_index": integer, "register_value": bytes }, in this order.</summary>
internal readonly record struct PcrSignaturePayload(int RegisterIndex, PcrValue RegisterValue)
{
    private const string IndexKey = "register_index";
    private const string ValueKey = "register_value";

    public static PcrSignaturePayload Decode(ReadOnlyMemory<byte> cbor)
    {
        var reader = new CborReader(cbor, CborConformanceMode.Lax);
        int? index = null;
        byte[]? value = null;
        for (reader.ReadStartMap(); reader.PeekState() != CborReaderState.EndMap;)
        {
            switch (reader.ReadTextString())
            {
                case IndexKey:
                    index = reader.ReadInt32();
                    break;
                case ValueKey:
                    value = CborBytes.Read(reader);
                    break;
                default:
                    reader.SkipValue();
                    break;
            }
        }

        reader.ReadEndMap();
        if (index is null || value is not { Length: PcrValue.Size })
            throw new CborContentException($"a signed payload without {IndexKey} or without a {ValueKey} of {PcrValue.Size} bytes");
        return new PcrSignaturePayload(index.Value, new PcrValue(value));
    }

    public byte[] Encode()
    {
        var writer = new CborWriter(CborConformanceMode.Lax);
        writer.WriteStartMap(2);
        writer.WriteTextString(IndexKey);
        writer.WriteInt32(RegisterIndex);
        writer.WriteTextString(ValueKey);
        CborBytes.Write(writer, RegisterValue.ToArray());
        writer.WriteEndMap();
        return writer.Encode();
    }
}
