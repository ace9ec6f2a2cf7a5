using System.Formats.Cbor;
using System.Text;
using System.Text.Unicode;
using EnclaveTesting.Engine.Eif;

namespace EnclaveTesting.Engine.Devices.Nsm;

/// <summary>
/// A decoded request: a text for those without parameters, else a map of one entry from the name to a map of parameters.
/// Read as leniently as QEMU's and AWS's modules read: any length of integers, byte strings also as texts or as arrays of
/// integers, indefinite lengths, unknown parameters. A parameter that stands there twice is refused.
/// </summary>
internal readonly record struct NsmRequest(NsmRequestKind Kind)
{
    /// <summary>The "index" or "range" of the requests that have one.</summary>
    public int Number { get; private init; }

    public byte[]? Data { get; private init; }

    public byte[]? UserData { get; private init; }

    public byte[]? Nonce { get; private init; }

    public byte[]? PublicKey { get; private init; }

    /// <summary>Decodes a request; what follows its CBOR item is ignored.</summary>
    /// <returns>False if it is not CBOR, unknown, or lacks a parameter.</returns>
    public static bool TryParse(ReadOnlyMemory<byte> bytes, out NsmRequest request)
    {
        try
        {
            request = Parse(new CborReader(bytes, CborConformanceMode.Lax, allowMultipleRootLevelValues: true));
            return true;
        }
        catch (Exception exception) when (exception is CborContentException or InvalidOperationException or OverflowException)
        {
            request = default;
            return false;
        }
    }

    private static NsmRequest Parse(CborReader reader)
    {
        if (IsText(reader))
        {
            return ReadText(reader) switch
            {
                "DescribeNSM" => new NsmRequest(NsmRequestKind.DescribeNsm),
                "GetRandom" => new NsmRequest(NsmRequestKind.GetRandom),
                _ => throw new CborContentException("unknown request"),
            };
        }

        reader.ReadStartMap();
        var request = ReadText(reader) switch
        {
            "DescribePCR" => ParseNumber(NsmRequestKind.DescribePcr, reader, "index"),
            "LockPCR" => ParseNumber(NsmRequestKind.LockPcr, reader, "index"),
            "LockPCRs" => ParseNumber(NsmRequestKind.LockPcrs, reader, "range"),
            "ExtendPCR" => ParseExtend(reader),
            "Attestation" => ParseAttestation(reader),
            _ => throw new CborContentException("unknown request"),
        };
        reader.ReadEndMap();
        return request;
    }

    private static NsmRequest ParseNumber(NsmRequestKind kind, CborReader reader, string parameter)
    {
        int? number = null;
        for (reader.ReadStartMap(); reader.PeekState() != CborReaderState.EndMap;)
        {
            if (ReadKey(reader) == parameter)
                SetOnce(ref number, ReadNumber(reader));
            else
                Skip(reader);
        }

        reader.ReadEndMap();
        return new NsmRequest(kind) { Number = number ?? throw Missing(parameter) };
    }

    private static NsmRequest ParseExtend(CborReader reader)
    {
        int? index = null;
        byte[]? data = null;
        for (reader.ReadStartMap(); reader.PeekState() != CborReaderState.EndMap;)
        {
            switch (ReadKey(reader))
            {
                case "index":
                    SetOnce(ref index, ReadNumber(reader));
                    break;
                case "data":
                    SetOnce(ref data, ReadBytes(reader));
                    break;
                default:
                    Skip(reader);
                    break;
            }
        }

        reader.ReadEndMap();
        return new NsmRequest(NsmRequestKind.ExtendPcr) { Number = index ?? throw Missing("index"), Data = data ?? throw Missing("data") };
    }

    private static NsmRequest ParseAttestation(CborReader reader)
    {
        byte[]? userData = null, nonce = null, publicKey = null;
        for (reader.ReadStartMap(); reader.PeekState() != CborReaderState.EndMap;)
        {
            switch (ReadKey(reader))
            {
                case "user_data":
                    SetOnce(ref userData, ReadOptionalBytes(reader));
                    break;
                case "nonce":
                    SetOnce(ref nonce, ReadOptionalBytes(reader));
                    break;
                case "public_key":
                    SetOnce(ref publicKey, ReadOptionalBytes(reader));
                    break;
                default:
                    Skip(reader);
                    break;
            }
        }

        reader.ReadEndMap();
        return new NsmRequest(NsmRequestKind.Attestation) { UserData = userData, Nonce = nonce, PublicKey = publicKey };
    }

    private static bool IsText(CborReader reader) =>
        reader.PeekState() is CborReaderState.TextString or CborReaderState.StartIndefiniteLengthTextString;

    /// <summary>Null for a key that is no text: such an entry is none of ours.</summary>
    private static string? ReadKey(CborReader reader)
    {
        if (IsText(reader))
            return ReadText(reader);
        Skip(reader);
        return null;
    }

    /// <summary>A register number is 16 bits wide in AWS's interface; one that is not is no number of a register at all.</summary>
    private static int ReadNumber(CborReader reader)
    {
        uint value = reader.ReadUInt32();
        return value <= ushort.MaxValue ? (int)value : throw new OverflowException();
    }

    /// <summary>Skips an item of any kind. Its texts and simple values are checked too, which the reader does not do by itself.</summary>
    private static void Skip(CborReader reader)
    {
        int depth = 0;
        while (true)
        {
            switch (reader.PeekState())
            {
                case CborReaderState.StartArray:
                    reader.ReadStartArray();
                    depth++;
                    break;
                case CborReaderState.EndArray:
                    reader.ReadEndArray();
                    depth--;
                    break;
                case CborReaderState.StartMap:
                    reader.ReadStartMap();
                    depth++;
                    break;
                case CborReaderState.EndMap:
                    reader.ReadEndMap();
                    depth--;
                    break;
                case CborReaderState.Tag:
                    // It belongs to what follows it.
                    reader.ReadTag();
                    continue;
                case CborReaderState.TextString or CborReaderState.StartIndefiniteLengthTextString:
                    ReadTextBytes(reader);
                    break;
                case CborReaderState.SimpleValue:
                    if (reader.ReadSimpleValue() != CborSimpleValue.Undefined)
                        throw new CborContentException("a simple value without a meaning");
                    break;
                default:
                    reader.SkipValue();
                    break;
            }

            if (depth == 0)
                return;
        }
    }

    private static byte[]? ReadOptionalBytes(CborReader reader)
    {
        if (reader.PeekState() != CborReaderState.Null)
            return ReadBytes(reader);
        reader.ReadNull();
        return null;
    }

    private static byte[] ReadBytes(CborReader reader) => IsText(reader) ? ReadTextBytes(reader) : CborBytes.Read(reader);

    private static string ReadText(CborReader reader) => Encoding.UTF8.GetString(ReadTextBytes(reader));

    /// <summary>A text's bytes. What is not UTF-8 is no text (RFC 8949 §3.1), nor is a piece of one.</summary>
    private static byte[] ReadTextBytes(CborReader reader)
    {
        if (reader.PeekState() == CborReaderState.TextString)
            return Check(reader.ReadDefiniteLengthTextStringBytes()).ToArray();
        var bytes = new List<byte>();
        reader.ReadStartIndefiniteLengthTextString();
        while (reader.PeekState() == CborReaderState.TextString)
            bytes.AddRange(Check(reader.ReadDefiniteLengthTextStringBytes()).Span);
        reader.ReadEndIndefiniteLengthTextString();
        return [.. bytes];

        static ReadOnlyMemory<byte> Check(ReadOnlyMemory<byte> text) => Utf8.IsValid(text.Span) ? text : throw new CborContentException("a text that is not UTF-8");
    }

    private static void SetOnce<T>(ref T? target, T value)
    {
        if (target is not null)
            throw new CborContentException("a parameter stands there twice");
        target = value;
    }

    private static void SetOnce(ref int? target, int value)
    {
        if (target is not null)
            throw new CborContentException("a parameter stands there twice");
        target = value;
    }

    private static CborContentException Missing(string parameter) => new($"no {parameter}");
}
