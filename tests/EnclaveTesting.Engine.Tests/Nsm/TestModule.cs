using System.Formats.Cbor;
using EnclaveTesting.Engine.Devices.Nsm;
using EnclaveTesting.Engine.Eif;
using EnclaveTesting.Tests.Shared;

namespace EnclaveTesting.Engine.Tests.Nsm;

/// <summary>A security module without a machine around it.</summary>
internal sealed class TestModule
{
    public static readonly EifMeasurements Measurements = new(Fill(0xa0), Fill(0xa1), Fill(0xa2), Fill(0xa8), Crc32: 0);

    private readonly NsmProtocol _protocol;

    public TestModule(NsmOptions? options = null, TimeProvider? time = null, ulong? seed = null)
    {
        options ??= new NsmOptions();
        Pcrs = new PcrBank(Measurements, options);
        _protocol = new NsmProtocol(Pcrs, options, new AttestationSigner(options, seed), new NsmRandom(options.RandomSeed), time ?? TimeProvider.System);
    }

    public PcrBank Pcrs { get; }

    public AttestationFaults Faults
    {
        set => _protocol.Faults = value;
    }

    public static PcrValue Fill(byte value) => new(Enumerable.Repeat(value, PcrValue.Size).ToArray());

    /// <summary>Sends a request and takes its response apart: maps become dictionaries, arrays lists.</summary>
    public object? Ask(Action<CborWriter> request, int responseSize = NsmProtocol.MaxResponseSize) => Cbor.Decode(AskRaw(Cbor.Encode(request), responseSize));

    public object? Ask(string request) => Ask(writer => writer.WriteTextString(request));

    public byte[] AskRaw(ReadOnlyMemory<byte> request, int responseSize = NsmProtocol.MaxResponseSize)
    {
        byte[] response = new byte[responseSize];
        return response[.._protocol.Handle(request, response)];
    }

    /// <summary>A request with parameters.</summary>
    public object? Ask(string request, params (string Name, object? Value)[] parameters) => Cbor.Decode(AskRaw(Cbor.Request(request, parameters)));

    /// <summary>Asks for a document, which must be given.</summary>
    public byte[] Attest(byte[]? userData = null, byte[]? nonce = null, byte[]? publicKey = null)
    {
        object? response = Ask("Attestation", ("user_data", userData), ("nonce", nonce), ("public_key", publicKey));
        return (byte[])Cbor.Member(response, "Attestation", "document");
    }
}
