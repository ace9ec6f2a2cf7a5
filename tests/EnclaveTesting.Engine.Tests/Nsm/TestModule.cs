using System.Formats.Cbor;
using EnclaveTesting.Engine.Devices.Nsm;
using EnclaveTesting.Engine.Eif;

namespace EnclaveTesting.Engine.Tests.Nsm;

/// <summary>A security module without a machine around it.</summary>
internal sealed class TestModule
{
    public static readonly EifMeasurements Measurements = new(Fill(0xa0), Fill(0xa1), Fill(0xa2), Fill(0xa8), Crc32: 0);

    private readonly NsmProtocol _protocol;

    public TestModule(NsmOptions? options = null, TimeProvider? time = null)
    {
        options ??= new NsmOptions();
        Pcrs = new PcrBank(Measurements, options);
        _protocol = new NsmProtocol(Pcrs, options, new AttestationSigner(options), new NsmRandom(options.RandomSeed), time ?? TimeProvider.System);
    }

    public PcrBank Pcrs { get; }

    public AttestationFaults Faults
    {
        set => _protocol.Faults = value;
    }

    public static PcrValue Fill(byte value) => new(Enumerable.Repeat(value, PcrValue.Size).ToArray());

    /// <summary>Sends a request and takes its response apart: maps become dictionaries, arrays lists.</summary>
    public object? Ask(Action<CborWriter> request, int responseSize = NsmProtocol.MaxResponseSize) => Decode(AskRaw(Encode(request), responseSize));

    public object? Ask(string request) => Ask(writer => writer.WriteTextString(request));

    public byte[] AskRaw(ReadOnlyMemory<byte> request, int responseSize = NsmProtocol.MaxResponseSize)
    {
        byte[] response = new byte[responseSize];
        return response[.._protocol.Handle(request, response)];
    }

    /// <summary>A request with parameters.</summary>
    public object? Ask(string request, params (string Name, object? Value)[] parameters) => Ask(writer =>
    {
        writer.WriteStartMap(1);
        writer.WriteTextString(request);
        writer.WriteStartMap(parameters.Length);
        foreach (var (name, value) in parameters)
        {
            writer.WriteTextString(name);
            switch (value)
            {
                case null:
                    writer.WriteNull();
                    break;
                case byte[] bytes:
                    writer.WriteByteString(bytes);
                    break;
                case string text:
                    writer.WriteTextString(text);
                    break;
                default:
                    writer.WriteInt64(Convert.ToInt64(value, null));
                    break;
            }
        }

        writer.WriteEndMap();
        writer.WriteEndMap();
    });

    /// <summary>Asks for a document, which must be given.</summary>
    public byte[] Attest(byte[]? userData = null, byte[]? nonce = null, byte[]? publicKey = null)
    {
        object? response = Ask("Attestation", ("user_data", userData), ("nonce", nonce), ("public_key", publicKey));
        return (byte[])Member(response, "Attestation", "document");
    }

    public static string? ErrorOf(object? response) =>
        response is Dictionary<object, object?> { Count: 1 } map && map.TryGetValue("Error", out object? error) ? (string?)error : null;

    public static object Member(object? value, params object[] path)
    {
        foreach (object name in path)
            value = Assert.IsType<Dictionary<object, object?>>(value)[name];
        Assert.NotNull(value);
        return value;
    }

    public static byte[] Encode(Action<CborWriter> write)
    {
        var writer = new CborWriter(CborConformanceMode.Lax);
        write(writer);
        return writer.Encode();
    }

    /// <summary>Reads one canonical item; anything else is no response of a module.</summary>
    public static object? Decode(ReadOnlyMemory<byte> bytes, CborConformanceMode mode = CborConformanceMode.Canonical)
    {
        var reader = new CborReader(bytes, mode);
        object? value = Read(reader);
        Assert.Equal(0, reader.BytesRemaining);
        return value;
    }

    private static object? Read(CborReader reader)
    {
        switch (reader.PeekState())
        {
            case CborReaderState.UnsignedInteger or CborReaderState.NegativeInteger:
                return reader.ReadInt64();
            case CborReaderState.ByteString:
                return reader.ReadByteString();
            case CborReaderState.TextString:
                return reader.ReadTextString();
            case CborReaderState.Boolean:
                return reader.ReadBoolean();
            case CborReaderState.Null:
                reader.ReadNull();
                return null;
            case CborReaderState.StartArray:
                var items = new List<object?>();
                for (reader.ReadStartArray(); reader.PeekState() != CborReaderState.EndArray;)
                    items.Add(Read(reader));
                reader.ReadEndArray();
                return items;
            default:
                var map = new Dictionary<object, object?>();
                for (reader.ReadStartMap(); reader.PeekState() != CborReaderState.EndMap;)
                    map.Add(Read(reader)!, Read(reader));
                reader.ReadEndMap();
                return map;
        }
    }
}
