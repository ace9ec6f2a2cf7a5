using EnclaveTesting.Attestation;
using EnclaveTesting.Engine.Devices.Nsm;
using EnclaveTesting.Engine.Eif;
using EnclaveTesting.Kms;

namespace EnclaveTesting.Docs.Tests;

/// <summary>The code of docs/attestation.md, with a guest that passes on requests to its security module.</summary>
public class AttestationPageTests(AttestationPageTests.Attesting enclave) : IClassFixture<AttestationPageTests.Attesting>
{
    #region verify
    [Fact]
    public async Task Verifies_a_document()
    {
        byte[] nonce = Guid.NewGuid().ToByteArray();

        AttestationDocument document = AttestationDocument.Parse(await AskForDocumentAsync(nonce));    // your way of asking your enclave

        document.Verify(AttestationPolicy.Trusting() with
        {
            Nonce = nonce,
            Pcrs = new Dictionary<int, PcrValue> { [0] = enclave.Enclave.Measurements.Pcr0 },
        });
    }
    #endregion

    #region faults
    [Fact]
    public async Task A_verifier_notices_a_changed_signature()
    {
        enclave.Enclave.AttestationFaults = new AttestationFaults { CorruptedSignature = true };
        try
        {
            AttestationDocument document = AttestationDocument.Parse(await AskForDocumentAsync([1, 2, 3]));

            var exception = Assert.Throws<AttestationException>(() => document.Verify(AttestationPolicy.Trusting()));
            exception.Step.Should().Be(AttestationStep.Signature);
        }
        finally
        {
            enclave.Enclave.AttestationFaults = AttestationFaults.None;
        }
    }
    #endregion

    #region options
    [Fact]
    public async Task The_world_around_the_enclave()
    {
        await using Enclave enclave = Attesting.Image(new EnclaveBuilder())
            .WithNsm(new NsmOptions
            {
                InstanceId = "i-0abc0abc0abc0abc0",                                        // PCR4
                RoleArn = "arn:aws:iam::111122223333:role/signer",                         // PCR3
                Region = "eu-central-1",
                Authority = AttestationAuthority.Create(),                                 // signs the documents
            })
            .Build();
        await enclave.StartAsync();

        enclave.Pcrs[3].IsZero.Should().BeFalse();
        enclave.Pcrs[0].Should().Be(enclave.Measurements.Pcr0);
    }
    #endregion

    #region kms
    [Fact]
    public async Task A_key_service_for_the_enclave()
    {
        var kms = new FakeKms();
        kms.AddKey(new KmsKey { Alias = "signing" });
        byte[] ciphertext = kms.Encrypt("alias/signing", "the secret"u8);                  // give it to the enclave to decrypt

        await using Enclave enclave = Attesting.Image(new EnclaveBuilder())
            .WithParent(parent => parent.Port(8000).Kms(kms))                              // where vsock-proxy would be
            .Build();
        await enclave.StartAsync();

        kms.Requests.Should().BeEmpty();                                                   // afterwards: what it asked, and what was answered
        ciphertext.Should().NotBeEmpty();
    }
    #endregion

    private async Task<byte[]> AskForDocumentAsync(byte[] nonce)
    {
        Codec codec = Codec.Cbor<byte[], byte[]>(
            (writer, bytes) =>
            {
                writer.WriteStartMap(1);
                writer.WriteTextString("Attestation");
                writer.WriteStartMap(3);
                writer.WriteTextString("user_data");
                writer.WriteNull();
                writer.WriteTextString("nonce");
                writer.WriteByteString(bytes);
                writer.WriteTextString("public_key");
                writer.WriteNull();
                writer.WriteEndMap();
                writer.WriteEndMap();
            },
            reader =>
            {
                reader.ReadStartMap();
                reader.ReadTextString();
                reader.ReadStartMap();
                reader.ReadTextString();
                return reader.ReadByteString();
            });
        return await enclave.Client<byte[], byte[]>(port: 5003, codec).SendAsync(nonce);
    }

    /// <summary>The bare-metal guest <c>nsm</c>.</summary>
    public sealed class Attesting : EnclaveFixture
    {
        public static EnclaveBuilder Image(EnclaveBuilder enclave) => enclave
            .WithImage(new EifBuilder()
                .WithKernel(Path.Combine(AppContext.BaseDirectory, "nsm.elf"))
                .WithCommandLine("console=ttyS0 nsm.serve")
                .WithDefaultMemory(16 << 20)
                .WithDefaultCpus(1)
                .AddRamdisk(new byte[512]))
            .WaitFor(Wait.ForPort(5003));

        protected override EnclaveBuilder Configure(EnclaveBuilder enclave) => Image(enclave);
    }
}
