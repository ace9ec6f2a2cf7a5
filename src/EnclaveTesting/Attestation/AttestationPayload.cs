using System.Formats.Cbor;
using EnclaveTesting.Engine.Devices.Nsm;
using EnclaveTesting.Engine.Eif;

namespace EnclaveTesting.Attestation;

/// <summary>The members of a document, checked as AWS's steps ask: present, not null, of their type and size.</summary>
internal sealed record AttestationPayload
{
    private const int MaxCertificateSize = 1024;
    private const int MaxPublicKeySize = 1024;

    /// <summary>The steps say 512, the document's specification says 1024; modules make both, so the larger is accepted.</summary>
    private const int MaxDataSize = 1024;

    private const string SHA384 = "SHA384";

    public required string ModuleId { get; init; }

    public required string Digest { get; init; }

    public required DateTimeOffset Timestamp { get; init; }

    public required IReadOnlyDictionary<int, PcrValue> Pcrs { get; init; }

    public required ReadOnlyMemory<byte> Certificate { get; init; }

    public required IReadOnlyList<ReadOnlyMemory<byte>> CaBundle { get; init; }

    public ReadOnlyMemory<byte>? PublicKey { get; init; }

    public ReadOnlyMemory<byte>? UserData { get; init; }

    public ReadOnlyMemory<byte>? Nonce { get; init; }

    public static AttestationPayload Decode(ReadOnlyMemory<byte> payload)
    {
        var fields = Split(payload);
        foreach (string field in AttestationFields.Mandatory)
        {
            if (!fields.ContainsKey(field))
                throw new AttestationException(AttestationStep.RequiredFields, $"{field} is missing or null.");
        }

        return new AttestationPayload
        {
            ModuleId = Read(fields, AttestationFields.ModuleId, reader => reader.ReadTextString(), it => it.Length > 0),
            Digest = Read(fields, AttestationFields.Digest, reader => reader.ReadTextString(), it => it == SHA384),
            Timestamp = Read(fields, AttestationFields.Timestamp, ReadTime, it => it > DateTimeOffset.UnixEpoch),
            Pcrs = Read(fields, AttestationFields.Pcrs, ReadPcrs, it => it.Count > 0),
            Certificate = Read(fields, AttestationFields.Certificate, ReadBytes, it => it.Length is >= 1 and <= MaxCertificateSize),
            CaBundle = Read(fields, AttestationFields.CaBundle, ReadBundle,
                it => it.Count > 0 && it.All(certificate => certificate.Length is >= 1 and <= MaxCertificateSize)),
            PublicKey = ReadOptional(fields, AttestationFields.PublicKey, 1, MaxPublicKeySize),
            UserData = ReadOptional(fields, AttestationFields.UserData, 0, MaxDataSize),
            Nonce = ReadOptional(fields, AttestationFields.Nonce, 0, MaxDataSize),
        };
    }

    /// <summary>The members that are not null, each still encoded.</summary>
    private static Dictionary<string, ReadOnlyMemory<byte>> Split(ReadOnlyMemory<byte> payload)
    {
        try
        {
            var fields = new Dictionary<string, ReadOnlyMemory<byte>>(StringComparer.Ordinal);
            var reader = new CborReader(payload);
            for (reader.ReadStartMap(); reader.PeekState() != CborReaderState.EndMap;)
            {
                string name = reader.ReadTextString();
                if (reader.PeekState() == CborReaderState.Null)
                    reader.ReadNull();
                else
                    fields.Add(name, reader.ReadEncodedValue());
            }

            reader.ReadEndMap();
            if (reader.BytesRemaining != 0)
                throw new CborContentException($"{reader.BytesRemaining} bytes after the map");
            return fields;
        }
        catch (Exception exception) when (exception is CborContentException or InvalidOperationException or OverflowException)
        {
            throw new AttestationException(AttestationStep.Encoding, $"its payload is no CBOR map from names: {exception.Message}", exception);
        }
    }

    private static T Read<T>(Dictionary<string, ReadOnlyMemory<byte>> fields, string name, Func<CborReader, T> read, Predicate<T> isAllowed)
    {
        T value;
        try
        {
            value = read(new CborReader(fields[name]));
        }
        catch (Exception exception) when (exception is CborContentException or InvalidOperationException or OverflowException or ArgumentException)
        {
            throw new AttestationException(AttestationStep.FieldContent, $"{name} has not its type: {exception.Message}", exception);
        }

        return isAllowed(value) ? value : throw new AttestationException(AttestationStep.FieldContent, $"{name} has a size or value that is not allowed.");
    }

    private static ReadOnlyMemory<byte>? ReadOptional(Dictionary<string, ReadOnlyMemory<byte>> fields, string name, int minimum, int maximum) =>
        fields.ContainsKey(name)
            ? Read(fields, name, ReadBytes, it => it.Length >= minimum && it.Length <= maximum)
            : default(ReadOnlyMemory<byte>?);

    private static ReadOnlyMemory<byte> ReadBytes(CborReader reader) => reader.ReadByteString();

    private static DateTimeOffset ReadTime(CborReader reader) => DateTimeOffset.FromUnixTimeMilliseconds(reader.ReadInt64());

    private static SortedDictionary<int, PcrValue> ReadPcrs(CborReader reader)
    {
        var pcrs = new SortedDictionary<int, PcrValue>();
        for (reader.ReadStartMap(); reader.PeekState() != CborReaderState.EndMap;)
        {
            uint index = reader.ReadUInt32();
            if (index >= PcrBank.Count)
                throw new CborContentException($"there is no PCR{index}");

            // Any size but 48 bytes is refused here: the only digest is SHA384.
            pcrs.Add((int)index, new PcrValue(reader.ReadByteString()));
        }

        reader.ReadEndMap();
        return pcrs;
    }

    private static List<ReadOnlyMemory<byte>> ReadBundle(CborReader reader)
    {
        var bundle = new List<ReadOnlyMemory<byte>>();
        for (reader.ReadStartArray(); reader.PeekState() != CborReaderState.EndArray;)
            bundle.Add(reader.ReadByteString());
        reader.ReadEndArray();
        return bundle;
    }
}
