using System.Security.Cryptography;
using System.Text.Json.Nodes;
using EnclaveTesting.Attestation;

namespace EnclaveTesting.Kms;

/// <summary>The operations, from parameters to results.</summary>
internal sealed class KmsOperations(FakeKmsOptions options, Func<string, KmsKey?> findKey)
{
    public const int MaxPlaintextSize = 4096;

    private const int MaxCiphertextSize = 6144;
    private const int MaxRandomSize = 1024;
    private const string SymmetricDefault = "SYMMETRIC_DEFAULT";
    private const string RecipientAlgorithm = "RSAES_OAEP_SHA_256";
    private const int MinRecipientKeySize = 2048;

    public string Arn(KmsKey key) => $"arn:aws:kms:{options.Region}:{options.AccountId}:key/{key.KeyId}";

    public string AliasArn(string alias) => $"arn:aws:kms:{options.Region}:{options.AccountId}:alias/{alias}";

    public JsonObject Run(KmsCall call, KmsParameters parameters) => call.Operation switch
    {
        "Encrypt" => Encrypt(call, parameters),
        "Decrypt" => Decrypt(call, parameters),
        "GenerateDataKey" => GenerateDataKey(call, parameters, withPlaintext: true),
        "GenerateDataKeyWithoutPlaintext" => GenerateDataKey(call, parameters, withPlaintext: false),
        "GenerateRandom" => GenerateRandom(call, parameters),
        _ => throw new KmsException(KmsException.UnknownOperation, $"There is no operation \"{call.Operation}\" here."),
    };

    private JsonObject Encrypt(KmsCall call, KmsParameters parameters)
    {
        CheckAlgorithm(parameters);
        var key = RequireKey(call, parameters);
        byte[] plaintext = parameters.RequiredBytes("Plaintext", MaxPlaintextSize);
        return new JsonObject
        {
            ["CiphertextBlob"] = Base64(KmsCiphertext.Encrypt(key, plaintext, parameters.EncryptionContext())),
            ["KeyId"] = Arn(key),
            ["EncryptionAlgorithm"] = SymmetricDefault,
        };
    }

    private JsonObject Decrypt(KmsCall call, KmsParameters parameters)
    {
        CheckAlgorithm(parameters);
        byte[] blob = parameters.RequiredBytes("CiphertextBlob", MaxCiphertextSize);
        var named = parameters.Text("KeyId") is null ? null : RequireKey(call, parameters);
        var key = KmsCiphertext.KeyIdOf(blob) is { } id ? findKey(id) : null;
        if (key is null)
            throw new KmsException(KmsException.InvalidCiphertext, "The ciphertext was not made by this service.");
        call.KeyId = key.KeyId;
        if (named is not null && named.KeyId != key.KeyId)
            throw new KmsException(KmsException.IncorrectKey, "The key ID in the request does not identify the key that made the ciphertext.");
        using var recipient = Authorize(call, key, parameters);
        byte[] plaintext;
        try
        {
            plaintext = KmsCiphertext.Decrypt(key, blob, parameters.EncryptionContext());
        }
        catch (AuthenticationTagMismatchException)
        {
            throw new KmsException(KmsException.InvalidCiphertext, "The ciphertext was changed, or its encryption context is another one.");
        }

        var result = new JsonObject { ["KeyId"] = Arn(key), ["EncryptionAlgorithm"] = SymmetricDefault };
        AddPlaintext(result, plaintext, recipient);
        return result;
    }

    private JsonObject GenerateDataKey(KmsCall call, KmsParameters parameters, bool withPlaintext)
    {
        var key = RequireKey(call, parameters);
        int size = (parameters.Text("KeySpec"), parameters.Number("NumberOfBytes")) switch
        {
            ("AES_256", null) => 32,
            ("AES_128", null) => 16,
            (null, >= 1 and <= MaxRandomSize and int bytes) => bytes,
            _ => throw new KmsException(KmsException.Validation, $"Give either KeySpec (AES_256, AES_128) or NumberOfBytes (1 to {MaxRandomSize})."),
        };
        using var recipient = Authorize(call, key, parameters);
        byte[] plaintext = RandomNumberGenerator.GetBytes(size);
        var result = new JsonObject
        {
            ["KeyId"] = Arn(key),
            ["CiphertextBlob"] = Base64(KmsCiphertext.Encrypt(key, plaintext, parameters.EncryptionContext())),
        };
        if (withPlaintext)
            AddPlaintext(result, plaintext, recipient);
        return result;
    }

    private JsonObject GenerateRandom(KmsCall call, KmsParameters parameters)
    {
        if (parameters.Number("NumberOfBytes") is not (>= 1 and <= MaxRandomSize and int size))
            throw new KmsException(KmsException.Validation, $"NumberOfBytes is not 1 to {MaxRandomSize}.");
        using var recipient = Authorize(call, key: null, parameters);
        var result = new JsonObject();
        AddPlaintext(result, RandomNumberGenerator.GetBytes(size), recipient);
        return result;
    }

    /// <summary>Verifies the attestation document, if there is one, and asks the key's policy.</summary>
    /// <returns>The key to encrypt the plaintext to, which the caller disposes; null for a request without a recipient.</returns>
    private RSA? Authorize(KmsCall call, KmsKey? key, KmsParameters parameters)
    {
        RSA? recipient = null;
        if (parameters.HasRecipient)
            recipient = VerifyRecipient(call, parameters);
        if (key?.Policy?.FindDenial(call.Attestation) is { } denial)
        {
            recipient?.Dispose();
            throw new KmsException(KmsException.AccessDenied, $"Not authorized to perform: kms:{call.Operation} on resource: {Arn(key)}, because {denial}.");
        }

        return recipient;
    }

    private RSA VerifyRecipient(KmsCall call, KmsParameters parameters)
    {
        var (bytes, algorithm) = parameters.Recipient();
        if (algorithm != RecipientAlgorithm)
            throw new KmsException(KmsException.Validation, $"KeyEncryptionAlgorithm is not {RecipientAlgorithm}.");
        if (bytes is null)
            throw new KmsException(KmsException.Validation, "AttestationDocument is missing.");
        AttestationDocument document;
        try
        {
            document = AttestationDocument.Parse(bytes);
            document.Verify(options.Attestation.TimeProvider == TimeProvider.System ? options.Attestation with { TimeProvider = call.Time } : options.Attestation);
        }
        catch (AttestationException exception)
        {
            throw new KmsException(KmsException.Validation, exception.Message);
        }

        call.Attestation = document;
        return ReadKey(document.PublicKey ?? throw new KmsException(KmsException.Validation, "The attestation document has no public key."));
    }

    private static RSA ReadKey(ReadOnlyMemory<byte> der)
    {
        var key = RSA.Create();
        try
        {
            key.ImportSubjectPublicKeyInfo(der.Span, out int read);
            if (read == der.Length && key.KeySize >= MinRecipientKeySize)
                return key;
        }
        catch (CryptographicException)
        {
        }

        key.Dispose();
        throw new KmsException(KmsException.Validation, $"The attestation document's public key is no RSA key of {MinRecipientKeySize} bits or more.");
    }

    private KmsKey RequireKey(KmsCall call, KmsParameters parameters)
    {
        string name = parameters.Text("KeyId") ?? throw new KmsException(KmsException.Validation, "KeyId is missing.");
        var key = findKey(name) ?? throw new KmsException(KmsException.NotFound, $"There is no key '{name}'.");
        call.KeyId = key.KeyId;
        return key;
    }

    private static void CheckAlgorithm(KmsParameters parameters)
    {
        if (parameters.Text("EncryptionAlgorithm") is not (null or SymmetricDefault))
            throw new KmsException(KmsException.Validation, $"There are only symmetric keys here: EncryptionAlgorithm is {SymmetricDefault}.");
    }

    private static void AddPlaintext(JsonObject result, byte[] plaintext, RSA? recipient)
    {
        if (recipient is null)
            result["Plaintext"] = Base64(plaintext);
        else
            result["CiphertextForRecipient"] = Base64(RecipientEnvelope.Encrypt(plaintext, recipient));
    }

    private static string Base64(byte[] bytes) => Convert.ToBase64String(bytes);
}
