using System.Formats.Cbor;
using EnclaveTesting.Engine.Eif;

namespace EnclaveTesting.Engine.Devices.Nsm;

/// <summary>
/// Makes an enclave's attestation documents: COSE_Sign1 (RFC 9052 §4.2), untagged and with ES384 as AWS sends them. The chain is
/// kept, so that a document costs one signature.
/// </summary>
/// <param name="options">What the module knows.</param>
/// <param name="seed">What keys and certificates below the root follow from, together with names and time; null makes them at random.</param>
internal sealed class AttestationSigner(NsmOptions options, ulong? seed)
{
    public const string Digest = "SHA384";

    /// <summary>The protected header { 1 (algorithm): -35 (ES384) }.</summary>
    private static readonly byte[] Header = [0xa1, 0x01, 0x38, 0x22];

    private readonly CborWriter _writer = new();
    private AttestationAuthority? _impostor;
    private AttestationChain? _chain;
    private bool _chainExpired;
    private bool _chainOfImpostor;

    public byte[] Sign(PcrSnapshot pcrs, in NsmRequest request, DateTimeOffset now, AttestationFaults faults)
    {
        var chain = FindChain(now, faults);
        byte[] payload = EncodePayload(pcrs, request, now, faults, chain);
        byte[] signature = chain.Key.Sign(EncodeSigStructure(payload));
        if (faults.CorruptedSignature)
            signature[^1] ^= 1;

        _writer.Reset();
        _writer.WriteStartArray(4);
        _writer.WriteByteString(Header);
        _writer.WriteStartMap(0);
        _writer.WriteEndMap();
        _writer.WriteByteString(payload);
        _writer.WriteByteString(signature);
        _writer.WriteEndArray();
        return _writer.Encode();
    }

    private AttestationChain FindChain(DateTimeOffset now, AttestationFaults faults)
    {
        if (_chain is not null && _chain.Covers(now) && _chainExpired == faults.ExpiredCertificate && _chainOfImpostor == faults.WrongRoot)
            return _chain;
        var authority = faults.WrongRoot ? _impostor ??= AttestationAuthority.CreateImpostor(seed) : options.Authority ?? AttestationAuthority.Default;
        _chain = authority.Issue(seed, options.Region, options.InstanceId, options.EffectiveModuleId, now, faults.ExpiredCertificate);
        _chainExpired = faults.ExpiredCertificate;
        _chainOfImpostor = faults.WrongRoot;
        return _chain;
    }

    private byte[] EncodePayload(PcrSnapshot pcrs, in NsmRequest request, DateTimeOffset now, AttestationFaults faults, AttestationChain chain)
    {
        _writer.Reset();
        _writer.WriteStartMap(AttestationFields.All.Count - (faults.MissingField is null ? 0 : 1));
        foreach (string field in AttestationFields.All)
        {
            if (field == faults.MissingField)
                continue;
            _writer.WriteTextString(field);
            switch (field)
            {
                case AttestationFields.ModuleId:
                    _writer.WriteTextString(options.EffectiveModuleId);
                    break;
                case AttestationFields.Digest:
                    _writer.WriteTextString(Digest);
                    break;
                case AttestationFields.Timestamp:
                    _writer.WriteInt64((now - faults.StaleBy).ToUnixTimeMilliseconds());
                    break;
                case AttestationFields.Pcrs:
                    WritePcrs(pcrs, faults.WrongPcr);
                    break;
                case AttestationFields.Certificate:
                    _writer.WriteByteString(chain.Certificate);
                    break;
                case AttestationFields.CaBundle:
                    _writer.WriteStartArray(chain.CaBundle.Count);
                    foreach (byte[] certificate in chain.CaBundle)
                        _writer.WriteByteString(certificate);
                    _writer.WriteEndArray();
                    break;
                case AttestationFields.PublicKey:
                    WriteOptional(request.PublicKey);
                    break;
                case AttestationFields.UserData:
                    WriteOptional(request.UserData);
                    break;
                default:
                    WriteOptional(request.Nonce);
                    break;
            }
        }

        _writer.WriteEndMap();
        return _writer.Encode();
    }

    private void WritePcrs(PcrSnapshot pcrs, int? wrong)
    {
        Span<byte> value = stackalloc byte[PcrValue.Size];
        _writer.WriteStartMap(int.CreateChecked(uint.PopCount(pcrs.LockedMask)));
        for (int i = 0; i < pcrs.Count; i++)
        {
            if (!pcrs.IsLocked(i))
                continue;
            pcrs[i].CopyTo(value);
            if (i == wrong)
            {
                foreach (ref byte part in value)
                    part ^= 0xff;
            }

            _writer.WriteInt32(i);
            _writer.WriteByteString(value);
        }

        _writer.WriteEndMap();
    }

    private void WriteOptional(byte[]? value)
    {
        if (value is null)
            _writer.WriteNull();
        else
            _writer.WriteByteString(value);
    }

    /// <summary>What is signed: [ "Signature1", protected header, no external data, payload ] (RFC 9052 §4.4).</summary>
    private byte[] EncodeSigStructure(byte[] payload)
    {
        _writer.Reset();
        _writer.WriteStartArray(4);
        _writer.WriteTextString("Signature1");
        _writer.WriteByteString(Header);
        _writer.WriteByteString([]);
        _writer.WriteByteString(payload);
        _writer.WriteEndArray();
        return _writer.Encode();
    }
}
