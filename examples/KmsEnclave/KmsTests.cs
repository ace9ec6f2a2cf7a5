using System.Text;
using System.Text.Json.Nodes;
using EnclaveTesting.Attestation;
using EnclaveTesting.Engine.Devices.Nsm;
using EnclaveTesting.Engine.Eif;
using EnclaveTesting.Engine.Machine;
using EnclaveTesting.Kms;

namespace KmsEnclave;

public class KmsTests(SecretEnclave enclave) : IClassFixture<SecretEnclave>
{
    [EnclaveFact]
    public async Task Gets_a_secret_that_only_it_may_have()
    {
        byte[] ciphertext = enclave.Kms.Encrypt(SecretEnclave.KeyName, "the secret"u8);

        JsonObject answer = await enclave.AskAsync("Decrypt", new JsonObject { ["CiphertextBlob"] = Convert.ToBase64String(ciphertext) });

        Encoding.UTF8.GetString(enclave.Open(answer)).Should().Be("the secret");
        answer.ContainsKey("Plaintext").Should().BeFalse("nobody on the way sees it");
        KmsRequest request = enclave.Kms.Requests[^1];
        request.Operation.Should().Be("Decrypt");
        request.Attestation!.Pcrs[0].Should().Be(enclave.Enclave.Measurements.Pcr0);
        enclave.Parent.ConnectionsTo(8000).Should().NotBeEmpty();
    }

    [EnclaveFact]
    public async Task Gets_a_data_key_now_and_again_later()
    {
        JsonObject made = await enclave.AskAsync("GenerateDataKey", new JsonObject { ["KeyId"] = SecretEnclave.KeyName, ["KeySpec"] = "AES_256" });
        JsonObject again = await enclave.AskAsync("Decrypt", new JsonObject { ["CiphertextBlob"] = (string)made["CiphertextBlob"]! });

        enclave.Open(made).Should().HaveCount(32).And.Equal(enclave.Open(again));
    }

    [EnclaveFact]
    public async Task Gets_random_bytes() =>
        enclave.Open(await enclave.AskAsync("GenerateRandom", new JsonObject { ["NumberOfBytes"] = 64 })).Should().HaveCount(64);

    [EnclaveFact]
    public async Task Is_refused_without_an_attestation_document()
    {
        byte[] ciphertext = enclave.Kms.Encrypt(SecretEnclave.KeyName, "the secret"u8);

        JsonObject answer = await enclave.AskAsync(enclave.Enclave, "Decrypt", new JsonObject { ["CiphertextBlob"] = Convert.ToBase64String(ciphertext) }, attested: false);

        ((string)answer["__type"]!).Should().Be("AccessDeniedException");
    }

    [EnclaveFact]
    public async Task Is_refused_where_its_document_does_not_verify()
    {
        enclave.Enclave.AttestationFaults = new AttestationFaults { CorruptedSignature = true };
        try
        {
            JsonObject answer = await enclave.AskAsync("GenerateRandom", new JsonObject { ["NumberOfBytes"] = 1 });

            ((int)answer["Status"]!).Should().Be(400);
            ((string)answer["message"]!).Should().Contain(nameof(AttestationStep.Signature));
        }
        finally
        {
            enclave.Enclave.AttestationFaults = AttestationFaults.None;
        }
    }

    [EnclaveFact]
    public async Task The_service_has_the_time_of_the_enclave()
    {
        await using Enclave then = SecretEnclave.Configure(new EnclaveBuilder(), enclave.Kms).WithTime(MachineTime.Virtual).Build();
        await then.StartAsync();

        JsonObject answer = await enclave.AskAsync(then, "GenerateRandom", new JsonObject { ["NumberOfBytes"] = 16 }, attested: true);

        enclave.Open(answer).Should().HaveCount(16);
        AttestationDocument document = enclave.Kms.Requests[^1].Attestation!;
        document.Verify(AttestationPolicy.Trusting() with { TimeProvider = then.TimeOfDay });
    }

    [EnclaveFact]
    public async Task Another_image_is_refused()
    {
        // The same enclave, but its security module says that it measured something else.
        var other = new NsmOptions { PcrOverrides = new Dictionary<int, PcrValue> { [0] = default(PcrValue).Extend("another image"u8) } };
        byte[] ciphertext = enclave.Kms.Encrypt(SecretEnclave.KeyName, "the secret"u8);
        await using Enclave impostor = SecretEnclave.Configure(new EnclaveBuilder(), enclave.Kms).WithNsm(other).Build();
        await impostor.StartAsync();

        JsonObject answer = await enclave.AskAsync(impostor, "Decrypt", new JsonObject { ["CiphertextBlob"] = Convert.ToBase64String(ciphertext) }, attested: true);

        ((string)answer["__type"]!).Should().Be("AccessDeniedException");
        ((string)answer["message"]!).Should().Contain("kms:RecipientAttestation:ImageSha384");
    }
}
