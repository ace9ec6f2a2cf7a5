using System.Globalization;
using System.Security.Cryptography;
using System.Security.Cryptography.X509Certificates;
using System.Text;
using EnclaveTesting.Engine.Eif;

namespace EnclaveTesting.Attestation;

/// <summary>An attestation document of a Nitro security module, AWS's or ours.</summary>
public sealed class AttestationDocument
{
    private const int Es384 = -35;
    private const int SignatureSize = 96;
    private const int ShownBytes = 32;

    private readonly AttestationMessage _message;
    private readonly AttestationPayload _payload;

    private AttestationDocument(AttestationMessage message, AttestationPayload payload)
    {
        _message = message;
        _payload = payload;
    }

    /// <summary>The security module that made the document, after its instance and enclave.</summary>
    public string ModuleId => _payload.ModuleId;

    /// <summary>The digest behind the registers, always SHA384.</summary>
    public string Digest => _payload.Digest;

    /// <summary>When the document was made by the module's clock, to the millisecond.</summary>
    public DateTimeOffset Timestamp => _payload.Timestamp;

    /// <summary>The registers that were locked when the document was made.</summary>
    public IReadOnlyDictionary<int, PcrValue> Pcrs => _payload.Pcrs;

    /// <summary>The certificate, in DER, whose key signed the document.</summary>
    public ReadOnlyMemory<byte> Certificate => _payload.Certificate;

    /// <summary>The certificates above it in DER, the root first.</summary>
    public IReadOnlyList<ReadOnlyMemory<byte>> CaBundle => _payload.CaBundle;

    /// <summary>The key to which answers are to be encrypted, usually a SubjectPublicKeyInfo in DER; null if there is none.</summary>
    public ReadOnlyMemory<byte>? PublicKey => _payload.PublicKey;

    /// <summary>What the enclave wanted signed; null if there is none.</summary>
    public ReadOnlyMemory<byte>? UserData => _payload.UserData;

    /// <summary>The verifier's own number; null if there is none.</summary>
    public ReadOnlyMemory<byte>? Nonce => _payload.Nonce;

    /// <summary>The whole COSE_Sign1 message.</summary>
    public ReadOnlyMemory<byte> Encoded => _message.Encoded;

    /// <summary>The message's payload: the CBOR map with all of the above.</summary>
    public ReadOnlyMemory<byte> Payload => _message.Payload;

    /// <summary>The message's signature, 96 bytes if it is one of ES384.</summary>
    public ReadOnlyMemory<byte> Signature => _message.Signature;

    /// <summary>Decodes a document and checks what AWS calls its syntax: members, types and sizes. Nothing is trusted yet.</summary>
    /// <param name="coseSign1">The COSE_Sign1 message, tagged or not; it is not copied.</param>
    /// <exception cref="AttestationException">It is malformed: <see cref="AttestationStep.Encoding"/>,
    /// <see cref="AttestationStep.RequiredFields"/> or <see cref="AttestationStep.FieldContent"/>.</exception>
    public static AttestationDocument Parse(ReadOnlyMemory<byte> coseSign1)
    {
        var message = AttestationMessage.Decode(coseSign1);
        return new AttestationDocument(message, AttestationPayload.Decode(message.Payload));
    }

    /// <summary>Verifies the document in AWS's published steps, then compares it with what is expected.</summary>
    /// <exception cref="AttestationException">A step failed: the first one, in the order of <see cref="AttestationStep"/>.</exception>
    public void Verify(AttestationPolicy policy)
    {
        ArgumentNullException.ThrowIfNull(policy);
        var now = policy.TimeProvider.GetUtcNow();
        if (_message.Algorithm != Es384)
            throw new AttestationException(AttestationStep.Algorithm, $"the algorithm is {_message.Algorithm?.ToString(CultureInfo.InvariantCulture) ?? "missing"}, not {Es384} (ES384).");
        using (var key = CertificatePath.Verify([.. CaBundle, Certificate], policy.RootCertificate, now))
            VerifySignature(key);
        VerifyAge(policy, now);
        VerifyPcrs(policy.Pcrs);
        Compare(AttestationStep.Nonce, policy.Nonce, Nonce);
        Compare(AttestationStep.UserData, policy.UserData, UserData);
        Compare(AttestationStep.PublicKey, policy.PublicKey, PublicKey);
    }

    /// <summary>The members one to a line; registers that are zero are left out.</summary>
    public override string ToString()
    {
        var text = new StringBuilder();
        AppendLine(text, "module_id", ModuleId);
        AppendLine(text, "timestamp", Timestamp.ToString("yyyy-MM-dd'T'HH:mm:ss.fff'Z'", CultureInfo.InvariantCulture));
        AppendLine(text, "digest", Digest);
        foreach (var (index, value) in Pcrs.OrderBy(pcr => pcr.Key))
        {
            if (!value.IsZero)
                AppendLine(text, $"PCR{index}", value.ToString());
        }

        AppendLine(text, "certificate", Describe(Certificate));
        foreach (var certificate in CaBundle.Reverse())
            AppendLine(text, "issued by", Describe(certificate));
        AppendBytes(text, "public_key", PublicKey);
        AppendBytes(text, "user_data", UserData);
        AppendBytes(text, "nonce", Nonce);
        return text.ToString();
    }

    private void VerifySignature(ECDsa key)
    {
        bool verifies = Signature.Length == SignatureSize && key.VerifyData(
            _message.EncodeSigStructure(), Signature.Span, HashAlgorithmName.SHA384, DSASignatureFormat.IeeeP1363FixedFieldConcatenation);
        if (!verifies)
            throw new AttestationException(AttestationStep.Signature, "the message is not signed with the certificate's key, or was changed afterwards.");
    }

    private void VerifyAge(AttestationPolicy policy, DateTimeOffset now)
    {
        if (Timestamp > now + policy.ClockTolerance)
            throw new AttestationException(AttestationStep.Timestamp, $"it was made at {Timestamp:u}, which is later than now, {now:u}.");
        if (policy.MaximumAge is { } age && Timestamp < now - age)
            throw new AttestationException(AttestationStep.Timestamp, $"it was made at {Timestamp:u}, more than {age} before now, {now:u}.");
    }

    private void VerifyPcrs(IReadOnlyDictionary<int, PcrValue> expected)
    {
        foreach (var (index, value) in expected.OrderBy(pcr => pcr.Key))
        {
            if (!Pcrs.TryGetValue(index, out var actual))
                throw new AttestationException(AttestationStep.Pcrs, $"PCR{index} is not in it.");
            if (actual != value)
                throw new AttestationException(AttestationStep.Pcrs, $"PCR{index} is {actual}, not {value}.");
        }
    }

    private static void Compare(AttestationStep step, ReadOnlyMemory<byte>? expected, ReadOnlyMemory<byte>? actual)
    {
        if (expected is not { } bytes)
            return;
        if (actual is not { } found)
            throw new AttestationException(step, $"there is none; {Show(bytes)} was expected.");
        if (!found.Span.SequenceEqual(bytes.Span))
            throw new AttestationException(step, $"it is {Show(found)}, not {Show(bytes)}.");
    }

    internal static string Show(ReadOnlyMemory<byte> bytes)
    {
        string hex = Convert.ToHexStringLower(bytes.Span[..Math.Min(bytes.Length, ShownBytes)]);
        return bytes.Length switch
        {
            0 => "0 bytes",
            <= ShownBytes => hex,
            _ => $"{hex}... ({bytes.Length} bytes)",
        };
    }

    private static string Describe(ReadOnlyMemory<byte> der)
    {
        try
        {
            using var certificate = X509CertificateLoader.LoadCertificate(der.Span);
            return $"{certificate.GetNameInfo(X509NameType.SimpleName, forIssuer: false)}, "
                + $"{certificate.NotBefore.ToUniversalTime():u} to {certificate.NotAfter.ToUniversalTime():u}";
        }
        catch (CryptographicException)
        {
            return $"no certificate: {Show(der)}";
        }
    }

    private static void AppendBytes(StringBuilder text, string name, ReadOnlyMemory<byte>? value)
    {
        if (value is { } bytes)
            AppendLine(text, name, Show(bytes));
    }

    private static void AppendLine(StringBuilder text, string name, string value) =>
        text.Append(CultureInfo.InvariantCulture, $"{name,-12} {value}\n");
}
