using System.Formats.Cbor;
using System.Security.Cryptography;

namespace EnclaveTesting.Engine.Devices.Nsm;

/// <summary>
/// The security module's requests and responses, without any transport: CBOR in, canonical CBOR (RFC 7049 §3.9) out. Any bytes
/// are answered; work and memory are bounded by the size of a request.
/// </summary>
internal sealed class NsmProtocol(PcrBank pcrs, NsmOptions options, AttestationSigner signer, NsmRandom random, TimeProvider time)
{
    public const int MaxRequestSize = 0x1000;
    public const int MaxResponseSize = 0x3000;

    private const int RandomSize = 256;

    private readonly CborWriter _writer = new(CborConformanceMode.Canonical, convertIndefiniteLengthEncodings: true);

    /// <summary>What is wrong with the documents made from now on; may be set by any thread.</summary>
    public AttestationFaults Faults
    {
        get => Volatile.Read(ref field);
        set => Volatile.Write(ref field, value);
    } = options.Faults;

    /// <summary>Carries out one request.</summary>
    /// <param name="request">The request, which does not change meanwhile.</param>
    /// <param name="response">Receives the response; if it is too short, an error that says so.</param>
    /// <returns>The response's size; 0 if not even the error fits.</returns>
    public int Handle(ReadOnlyMemory<byte> request, Span<byte> response)
    {
        _writer.Reset();
        WriteResponse(request);
        if (_writer.BytesWritten > response.Length)
        {
            // As with AWS's module the operation has taken place: a register stays extended.
            WriteError(NsmError.BufferTooSmall);
            if (_writer.BytesWritten > response.Length)
                return 0;
        }

        return _writer.Encode(response);
    }

    private void WriteResponse(ReadOnlyMemory<byte> bytes)
    {
        if (bytes.Length > MaxRequestSize)
        {
            WriteError(NsmError.InputTooLarge);
            return;
        }

        if (!NsmRequest.TryParse(bytes, out var request))
        {
            WriteError(NsmError.InvalidOperation);
            return;
        }

        switch (request.Kind)
        {
            case NsmRequestKind.DescribeNsm:
                DescribeNsm();
                break;
            case NsmRequestKind.GetRandom:
                GetRandom();
                break;
            case NsmRequestKind.DescribePcr:
                DescribePcr(request.Number);
                break;
            case NsmRequestKind.ExtendPcr:
                ExtendPcr(request.Number, request.Data);
                break;
            case NsmRequestKind.LockPcr:
                LockPcr(request.Number);
                break;
            case NsmRequestKind.LockPcrs:
                LockPcrs(request.Number);
                break;
            default:
                Attest(request);
                break;
        }
    }

    private void DescribeNsm()
    {
        StartResult("DescribeNSM");
        _writer.WriteTextString("version_major");
        _writer.WriteInt32(1);
        _writer.WriteTextString("version_minor");
        _writer.WriteInt32(0);
        _writer.WriteTextString("version_patch");
        _writer.WriteInt32(0);
        _writer.WriteTextString("module_id");
        _writer.WriteTextString(options.EffectiveModuleId);
        _writer.WriteTextString("max_pcrs");
        _writer.WriteInt32(PcrBank.Count);
        _writer.WriteTextString("locked_pcrs");
        _writer.WriteStartArray(null);
        for (int i = 0; i < PcrBank.Count; i++)
        {
            if (pcrs.IsLocked(i))
                _writer.WriteInt32(i);
        }

        _writer.WriteEndArray();
        _writer.WriteTextString("digest");
        _writer.WriteTextString(AttestationSigner.Digest);
        EndResult();
    }

    private void GetRandom()
    {
        Span<byte> bytes = stackalloc byte[RandomSize];
        random.Fill(bytes);
        StartResult("GetRandom");
        _writer.WriteTextString("random");
        _writer.WriteByteString(bytes);
        EndResult();
    }

    private void DescribePcr(int index)
    {
        if (index >= PcrBank.Count)
        {
            WriteError(NsmError.InvalidIndex);
            return;
        }

        StartResult("DescribePCR");
        _writer.WriteTextString("lock");
        _writer.WriteBoolean(pcrs.IsLocked(index));
        WriteValue(index);
        EndResult();
    }

    private void ExtendPcr(int index, ReadOnlySpan<byte> data)
    {
        if (index >= PcrBank.Count)
        {
            WriteError(NsmError.InvalidIndex);
        }
        else if (pcrs.IsLocked(index))
        {
            WriteError(NsmError.ReadOnlyIndex);
        }
        else
        {
            pcrs.Extend(index, data);
            StartResult("ExtendPCR");
            WriteValue(index);
            EndResult();
        }
    }

    private void LockPcr(int index)
    {
        if (index >= PcrBank.Count)
        {
            WriteError(NsmError.InvalidIndex);
        }
        else if (pcrs.IsLocked(index))
        {
            WriteError(NsmError.ReadOnlyIndex);
        }
        else
        {
            pcrs.Lock(index);
            _writer.WriteTextString("LockPCR");
        }
    }

    private void LockPcrs(int range)
    {
        if (range > PcrBank.Count)
        {
            WriteError(NsmError.InvalidIndex);
            return;
        }

        pcrs.LockRange(range);
        _writer.WriteTextString("LockPCRs");
    }

    private void Attest(in NsmRequest request)
    {
        if (request.UserData?.Length > options.Limits.UserData || request.Nonce?.Length > options.Limits.Nonce
            || request.PublicKey?.Length > options.Limits.PublicKey)
        {
            WriteError(NsmError.InputTooLarge);
            return;
        }

        byte[] document;
        try
        {
            document = signer.Sign(pcrs.Current, request, time.GetUtcNow(), Faults);
        }
        catch (Exception exception) when (exception is CryptographicException or ObjectDisposedException or ArgumentException)
        {
            // A clock outside what X.509 can say, or a supplied authority whose key cannot sign: not the guest's fault.
            WriteError(NsmError.InternalError);
            return;
        }

        StartResult("Attestation");
        _writer.WriteTextString("document");
        _writer.WriteByteString(document);
        EndResult();
    }

    private void WriteValue(int index)
    {
        Span<byte> value = stackalloc byte[Eif.PcrValue.Size];
        pcrs.Current[index].CopyTo(value);
        _writer.WriteTextString("data");
        _writer.WriteByteString(value);
    }

    private void StartResult(string name)
    {
        _writer.WriteStartMap(1);
        _writer.WriteTextString(name);
        _writer.WriteStartMap(null);
    }

    private void EndResult()
    {
        _writer.WriteEndMap();
        _writer.WriteEndMap();
    }

    private void WriteError(NsmError error)
    {
        _writer.Reset();
        _writer.WriteStartMap(1);
        _writer.WriteTextString("Error");
        _writer.WriteTextString(error.ToString());
        _writer.WriteEndMap();
    }
}
