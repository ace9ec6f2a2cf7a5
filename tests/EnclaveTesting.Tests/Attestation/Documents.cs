using System.Formats.Cbor;
using EnclaveTesting.Engine.Devices.Nsm;
using EnclaveTesting.Engine.Eif;

namespace EnclaveTesting.Tests.Attestation;

/// <summary>Documents as an enclave's security module makes them.</summary>
internal static class Documents
{
    public static readonly EifMeasurements Measurements = new(Fill(0xa0), Fill(0xa1), Fill(0xa2), Fill(0xa8), Crc32: 0);

    public static PcrValue Fill(byte value) => new(Enumerable.Repeat(value, PcrValue.Size).ToArray());

    public static byte[] Create(
        NsmOptions? options = null, TimeProvider? time = null, byte[]? userData = null, byte[]? nonce = null, byte[]? publicKey = null)
    {
        options ??= new NsmOptions();
        var protocol = new NsmProtocol(new PcrBank(Measurements, options), options, new AttestationSigner(options, seed: null), new NsmRandom(null), time ?? TimeProvider.System);
        var writer = new CborWriter();
        writer.WriteStartMap(1);
        writer.WriteTextString("Attestation");
        writer.WriteStartMap(null);
        Write("user_data", userData);
        Write("nonce", nonce);
        Write("public_key", publicKey);
        writer.WriteEndMap();
        writer.WriteEndMap();

        byte[] response = new byte[NsmProtocol.MaxResponseSize];
        var reader = new CborReader(response.AsMemory(0, protocol.Handle(writer.Encode(), response)));
        reader.ReadStartMap();
        reader.ReadTextString().Should().Be("Attestation");
        reader.ReadStartMap();
        reader.ReadTextString().Should().Be("document");
        return reader.ReadByteString();

        void Write(string name, byte[]? value)
        {
            if (value is null)
                return;
            writer.WriteTextString(name);
            writer.WriteByteString(value);
        }
    }
}
