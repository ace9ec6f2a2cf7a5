using System.Security.Cryptography;
using System.Security.Cryptography.Pkcs;
using System.Text.Json.Nodes;
using EnclaveTesting.Engine.Eif;
using EnclaveTesting.Kms;

namespace KmsEnclave;

/// <summary>
/// Boots kms.eif (guest/baremetal/kms.c) beside a fake AWS KMS, where a real parent runs vsock-proxy: on port 8000. The enclave takes commands on
/// port 5001, gets an attestation document from its security module for each, and sends the request.
/// This guest has no cryptography, so the private half of the enclave's key is held here, in the test. All else is as in production: the key is
/// named in the document, and the service encrypts for it.
/// </summary>
public sealed class SecretEnclave : EnclaveFixture
{
    /// <summary>What only this image may have decrypted.</summary>
    public const string KeyName = "alias/secrets";

    private readonly RSA _key = RSA.Create(2048);

    /// <summary>The key service.</summary>
    public FakeKms Kms { get; } = CreateKms();

    /// <summary>Sends the enclave a command and gives the service's answer.</summary>
    public Task<JsonObject> AskAsync(string operation, JsonObject parameters) => AskAsync(Enclave, operation, parameters, attested: true);

    /// <summary>Sends any enclave of this image a command and gives the service's answer.</summary>
    public async Task<JsonObject> AskAsync(Enclave enclave, string operation, JsonObject parameters, bool attested)
    {
        string key = attested ? Convert.ToBase64String(_key.ExportSubjectPublicKeyInfo()) : "-";
        await using EnclaveConnection connection = await enclave.ConnectAsync(port: 5001);
        string answer = await connection.AskAsync($"{operation} {key} {parameters.ToJsonString()[1..^1]}");
        var json = (JsonObject)JsonNode.Parse(answer[4..])!;
        json["Status"] = int.Parse(answer.AsSpan(0, 3), null);
        return json;
    }

    /// <summary>Opens what the service encrypted for the enclave: CMS EnvelopedData, its content key under RSAES-OAEP with SHA-256.</summary>
    public byte[] Open(JsonObject answer)
    {
        var envelope = new EnvelopedCms();
        envelope.Decode(Convert.FromBase64String((string)answer["CiphertextForRecipient"]!));
        envelope.Decrypt(envelope.RecipientInfos[0], _key);
        return envelope.ContentInfo.Content;
    }

    protected override EnclaveBuilder Configure(EnclaveBuilder enclave) => Configure(enclave, Kms);

    /// <summary>An enclave of this image with a key service.</summary>
    public static EnclaveBuilder Configure(EnclaveBuilder enclave, FakeKms kms) => enclave
        .WithImage("kms.eif")
        .WithParent(parent => parent
            .Port(9001).Expect("ready\n")
            .Port(8000).Kms(kms))
        .WaitFor(Wait.ForHeartbeat().And(Wait.ForParentPort(9001)));

    private static FakeKms CreateKms()
    {
        using EifImage image = EifImage.Open(Path.Combine(AppContext.BaseDirectory, "kms.eif"));
        var kms = new FakeKms();
        kms.AddKey(new KmsKey { Alias = "secrets", Policy = KmsKeyPolicy.ForImage(image.Measurements.Pcr0) });
        return kms;
    }
}
