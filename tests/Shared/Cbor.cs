using System.Formats.Cbor;

namespace EnclaveTesting.Tests.Shared;

/// <summary>Requests to a security module and what comes back, as plain objects.</summary>
internal static class Cbor
{
    /// <summary>A request with parameters: null, bytes, texts and whole numbers.</summary>
    public static byte[] Request(string request, params (string Name, object? Value)[] parameters) => Encode(writer =>
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

    /// <summary>A request without parameters.</summary>
    public static byte[] Request(string request) => Encode(writer => writer.WriteTextString(request));

    /// <summary>The error's name; null if the response is none.</summary>
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
