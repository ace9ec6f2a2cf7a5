using System.Security.Cryptography;
using System.Security.Cryptography.Pkcs;
using System.Security.Cryptography.X509Certificates;
using System.Text;
using System.Text.Json.Nodes;
using EnclaveTesting.Attestation;
using EnclaveTesting.Engine.Devices.Nsm;
using EnclaveTesting.Engine.Eif;
using EnclaveTesting.Kms;
using EnclaveTesting.Tests.Attestation;

namespace EnclaveTesting.Tests.Kms;

public sealed class FakeKmsTests : IAsyncLifetime
{
    private static readonly byte[] Secret = "the secret"u8.ToArray();

    private readonly RSA _enclaveKey = RSA.Create(2048);
    private readonly FakeKms _kms = new();
    private readonly KmsClient _client;
    private readonly string _arn;

    public FakeKmsTests()
    {
        _client = new KmsClient(_kms);
        _arn = _kms.AddKey(new KmsKey { KeyId = "key-1", Alias = "app", Policy = KmsKeyPolicy.ForImage(Documents.Measurements.Pcr0) });
        _kms.AddKey(new KmsKey { KeyId = "open" });
    }

    public Task InitializeAsync() => Task.CompletedTask;

    public async Task DisposeAsync()
    {
        await _client.DisposeAsync();
        _enclaveKey.Dispose();
    }

    [Fact]
    public async Task An_attested_enclave_gets_the_secret_under_its_own_key()
    {
        var reply = await _client.SendAsync("Decrypt", new JsonObject
        {
            ["CiphertextBlob"] = Base64(_kms.Encrypt("key-1", Secret)),
            ["Recipient"] = Recipient(),
        });

        Open(reply).Should().Equal(Secret);
        reply.ContainsKey("Plaintext").Should().BeFalse();
        ((string)reply["KeyId"]!).Should().Be(_arn).And.Be("arn:aws:kms:us-east-1:111122223333:key/key-1");
        ((string)reply["EncryptionAlgorithm"]!).Should().Be("SYMMETRIC_DEFAULT");
        var request = _kms.Requests.Should().ContainSingle().Which;
        request.Operation.Should().Be("Decrypt");
        request.KeyId.Should().Be("key-1");
        request.Error.Should().BeNull();
        request.Attestation!.Pcrs[0].Should().Be(Documents.Measurements.Pcr0);
    }

    [Fact]
    public async Task The_envelope_has_the_form_that_AWSs_SDK_walks_through()
    {
        var reply = await _client.SendAsync("GenerateRandom", new JsonObject { ["NumberOfBytes"] = 32, ["Recipient"] = Recipient() });
        byte[] envelope = Convert.FromBase64String((string)reply["CiphertextForRecipient"]!);

        // SEQUENCE { envelopedData, [0] { SEQUENCE { 2, SET { SEQUENCE { 2, [0] 32 bytes, RSAES-OAEP ..., the four outer ones with indefinite lengths.
        string hex = Convert.ToHexStringLower(envelope);
        hex.Should().StartWith("308006092a864886f70d010703a0803080020102" + "3182016b30820167020102" + "8020");
        hex.Should().Contain("303c06092a864886f70d010107302fa00f300d06096086480165030402010500a11c301a06092a864886f70d010108300d06096086480165030402010500" + "04820100");
        hex.Should().Contain("308006092a864886f70d010701301d060960864801650304012a0410");
        hex.Should().MatchRegex("a0800430[0-9a-f]{96}(0000){5}$");
    }

    [Fact]
    public async Task A_data_key_comes_twice()
    {
        foreach (var (name, value, size) in ((string, JsonNode, int)[])[("KeySpec", "AES_256", 32), ("KeySpec", "AES_128", 16), ("NumberOfBytes", 77, 77)])
        {
            var reply = await _client.SendAsync("GenerateDataKey", new JsonObject { ["KeyId"] = "alias/app", [name] = value, ["Recipient"] = Recipient() });
            var again = await _client.SendAsync("Decrypt", new JsonObject
            {
                ["CiphertextBlob"] = (string)reply["CiphertextBlob"]!,
                ["KeyId"] = _arn,
                ["Recipient"] = Recipient(),
            });

            Open(reply).Should().HaveCount(size).And.Equal(Open(again));
        }

        var without = await _client.SendAsync("GenerateDataKeyWithoutPlaintext", new JsonObject { ["KeyId"] = "open", ["KeySpec"] = "AES_256" });
        without.Select(it => it.Key).Should().BeEquivalentTo("KeyId", "CiphertextBlob");
    }

    [Fact]
    public async Task Random_bytes_come_plain_or_under_the_enclaves_key()
    {
        var plain = await _client.SendAsync("GenerateRandom", new JsonObject { ["NumberOfBytes"] = 100 });
        var secret = await _client.SendAsync("GenerateRandom", new JsonObject { ["NumberOfBytes"] = 1024, ["Recipient"] = Recipient() });

        Convert.FromBase64String((string)plain["Plaintext"]!).Should().HaveCount(100);
        Open(secret).Should().HaveCount(1024);
    }

    [Fact]
    public async Task Encrypt_and_Decrypt_need_the_same_context()
    {
        var context = new JsonObject { ["purpose"] = "test", ["a"] = "b" };
        var encrypted = await _client.SendAsync("Encrypt", new JsonObject
        {
            ["KeyId"] = "open",
            ["Plaintext"] = Base64(Secret),
            ["EncryptionContext"] = context.DeepClone(),
        });
        string blob = (string)encrypted["CiphertextBlob"]!;

        var decrypted = await _client.SendAsync("Decrypt", new JsonObject { ["CiphertextBlob"] = blob, ["EncryptionContext"] = context.DeepClone() });
        var without = await _client.FailAsync("Decrypt", new JsonObject { ["CiphertextBlob"] = blob });

        Convert.FromBase64String((string)decrypted["Plaintext"]!).Should().Equal(Secret);
        without.Type.Should().Be("InvalidCiphertextException");
    }

    [Fact]
    public async Task A_test_can_encrypt_for_the_enclave()
    {
        byte[] blob = _kms.Encrypt("alias/app", Secret, new Dictionary<string, string> { ["purpose"] = "test" });

        var reply = await _client.SendAsync("Decrypt", new JsonObject
        {
            ["CiphertextBlob"] = Base64(blob),
            ["EncryptionContext"] = new JsonObject { ["purpose"] = "test" },
            ["Recipient"] = Recipient(),
        });

        Open(reply).Should().Equal(Secret);
    }

    public static TheoryData<string> Conditions => new("kms:RecipientAttestation:ImageSha384", "kms:RecipientAttestation:PCR0", "KMS:recipientattestation:pcr8");

    [Theory]
    [MemberData(nameof(Conditions))]
    public async Task A_policy_decides_by_the_attested_registers(string condition)
    {
        int register = condition.EndsWith('8') ? 8 : 0;
        var right = Documents.Fill((byte)(0xa0 + register));
        _kms.AddKey(new KmsKey { KeyId = "guarded", Policy = new KmsKeyPolicy([new(condition, right.ToString().ToUpperInvariant())]) });
        var request = new JsonObject { ["CiphertextBlob"] = Base64(_kms.Encrypt("guarded", Secret)) };

        var noDocument = await _client.FailAsync("Decrypt", (JsonObject)request.DeepClone());
        request["Recipient"] = Recipient(new NsmOptions { DebugMode = true });
        var debug = await _client.FailAsync("Decrypt", (JsonObject)request.DeepClone());
        request["Recipient"] = Recipient();
        var reply = await _client.SendAsync("Decrypt", (JsonObject)request.DeepClone());

        Open(reply).Should().Equal(Secret);
        noDocument.Should().Be(("AccessDeniedException", "Not authorized to perform: kms:Decrypt on resource: "
            + $"arn:aws:kms:us-east-1:111122223333:key/guarded, because {condition} is required, and the request has no Recipient."));
        debug.Should().Be(("AccessDeniedException", "Not authorized to perform: kms:Decrypt on resource: "
            + $"arn:aws:kms:us-east-1:111122223333:key/guarded, because {condition} is {default(PcrValue)}, not {right}."));
        _kms.Requests.Select(it => it.Error).Should().Equal("AccessDeniedException", "AccessDeniedException", null);
    }

    [Fact]
    public async Task A_document_that_does_not_verify_is_refused_whatever_the_policy()
    {
        foreach (var (faults, step) in ((AttestationFaults, AttestationStep)[])
            [
                (new AttestationFaults { ExpiredCertificate = true }, AttestationStep.CertificateValidity),
                (new AttestationFaults { WrongRoot = true }, AttestationStep.RootOfTrust),
                (new AttestationFaults { CorruptedSignature = true }, AttestationStep.Signature),
                (new AttestationFaults { MissingField = "digest" }, AttestationStep.RequiredFields),
                (new AttestationFaults { StaleBy = TimeSpan.FromMinutes(6) }, AttestationStep.Timestamp),
            ])
        {
            var error = await _client.FailAsync("GenerateRandom", new JsonObject { ["NumberOfBytes"] = 1, ["Recipient"] = Recipient(new NsmOptions { Faults = faults }) });

            error.Type.Should().Be("ValidationException");
            error.Message.Should().StartWith($"The attestation document fails at {step}: ");
        }

        _kms.Requests.Should().OnlyContain(it => it.Attestation == null);
    }

    [Fact]
    public async Task A_recipient_needs_an_RSA_key_in_its_document()
    {
        using var small = RSA.Create(1024);
        using var elliptic = ECDsa.Create(ECCurve.NamedCurves.nistP256);

        foreach (byte[]? key in (byte[]?[])[null, [1, 2, 3], small.ExportSubjectPublicKeyInfo(), elliptic.ExportSubjectPublicKeyInfo(), [.. _enclaveKey.ExportSubjectPublicKeyInfo(), 0]])
        {
            var recipient = new JsonObject { ["AttestationDocument"] = Base64(Documents.Create(publicKey: key)), ["KeyEncryptionAlgorithm"] = "RSAES_OAEP_SHA_256" };
            (await _client.FailAsync("GenerateRandom", new JsonObject { ["NumberOfBytes"] = 1, ["Recipient"] = recipient })).Type.Should().Be("ValidationException");
        }
    }

    [Fact]
    public async Task What_is_wrong_with_a_request_has_the_type_that_AWS_gives()
    {
        byte[] blob = _kms.Encrypt("open", Secret);
        byte[] changed = [.. blob];
        changed[^1] ^= 1;

        await Expect("ListKeys", "UnknownOperationException", []);
        await Expect("Decrypt", "ValidationException", []);
        await Expect("Decrypt", "SerializationException", new JsonObject { ["CiphertextBlob"] = "*" });
        await Expect("Decrypt", "SerializationException", new JsonObject { ["CiphertextBlob"] = 1 });
        await Expect("Decrypt", "InvalidCiphertextException", new JsonObject { ["CiphertextBlob"] = Base64([1, 2, 3]) });
        await Expect("Decrypt", "InvalidCiphertextException", new JsonObject { ["CiphertextBlob"] = Base64([1, 255, .. new byte[100]]) });
        await Expect("Decrypt", "InvalidCiphertextException", new JsonObject { ["CiphertextBlob"] = Base64(changed) });
        await Expect("Decrypt", "InvalidCiphertextException", new JsonObject { ["CiphertextBlob"] = Base64(OfAnotherService()) });
        await Expect("Decrypt", "ValidationException", new JsonObject { ["CiphertextBlob"] = Base64(new byte[6145]) });
        await Expect("Decrypt", "IncorrectKeyException", new JsonObject { ["CiphertextBlob"] = Base64(blob), ["KeyId"] = "key-1" });
        await Expect("Decrypt", "NotFoundException", new JsonObject { ["CiphertextBlob"] = Base64(blob), ["KeyId"] = "none" });
        await Expect("Decrypt", "ValidationException", new JsonObject { ["CiphertextBlob"] = Base64(blob), ["EncryptionAlgorithm"] = "RSAES_OAEP_SHA_256" });
        await Expect("Decrypt", "SerializationException", new JsonObject { ["CiphertextBlob"] = Base64(blob), ["EncryptionContext"] = new JsonObject { ["a"] = 1 } });
        await Expect("Decrypt", "SerializationException", new JsonObject { ["CiphertextBlob"] = Base64(blob), ["Recipient"] = "me" });
        await Expect("Encrypt", "ValidationException", new JsonObject { ["Plaintext"] = Base64(Secret) });
        await Expect("Encrypt", "ValidationException", new JsonObject { ["KeyId"] = "open", ["Plaintext"] = Base64(new byte[4097]) });
        await Expect("GenerateDataKey", "ValidationException", new JsonObject { ["KeyId"] = "open" });
        await Expect("GenerateDataKey", "ValidationException", new JsonObject { ["KeyId"] = "open", ["KeySpec"] = "AES_256", ["NumberOfBytes"] = 1 });
        await Expect("GenerateRandom", "ValidationException", new JsonObject { ["NumberOfBytes"] = 1025 });
        await Expect("GenerateRandom", "SerializationException", new JsonObject { ["NumberOfBytes"] = "many" });
        (await _client.SendRawAsync("Decrypt", "{"u8.ToArray())).Reply["__type"]!.ToString().Should().Be("SerializationException");
        (await _client.SendRawAsync("Decrypt", "[]"u8.ToArray())).Reply["__type"]!.ToString().Should().Be("SerializationException");

        async Task Expect(string operation, string type, JsonObject parameters) =>
            (await _client.FailAsync(operation, parameters)).Type.Should().Be(type, "{0} {1}", operation, parameters.ToJsonString());

        byte[] OfAnotherService()
        {
            var other = new FakeKms();
            other.AddKey(new KmsKey { KeyId = "open" });
            return other.Encrypt("open", Secret);
        }
    }

    [Fact]
    public async Task A_connection_carries_many_requests()
    {
        for (int i = 0; i < 5; i++)
            await _client.SendAsync("GenerateRandom", new JsonObject { ["NumberOfBytes"] = 10 }, chunked: i % 2 == 1);

        _client.Connections.Should().Be(1);
        _kms.Requests.Should().HaveCount(5);
    }

    [Theory]
    [InlineData("GET / HTTP/1.1\r\n\r\n", "SerializationException")]
    [InlineData("POST / HTTP/1.1\r\nX-Amz-Target TrentService\r\n\r\n", "SerializationException")]
    [InlineData("POST / HTTP/1.1\r\nContent-Length: 9999999999\r\n\r\n", "SerializationException")]
    [InlineData("POST / HTTP/1.1\r\nContent-Length: 1048577\r\n\r\n", "SerializationException")]
    [InlineData("POST / HTTP/1.1\r\nContent-Length: -1\r\n\r\n", "SerializationException")]
    [InlineData("POST / HTTP/1.1\r\nTransfer-Encoding: chunked\r\n\r\nzz\r\n", "SerializationException")]
    [InlineData("POST / HTTP/1.1\r\nTransfer-Encoding: chunked\r\n\r\n2\r\n{}oops\r\n", "SerializationException")]
    [InlineData("POST / HTTP/1.1\r\nContent-Length: 20\r\n\r\n{}", "SerializationException")]
    [InlineData("\r\nPOST / HTTP/1.1\nContent-Length: 2\nConnection: close\n\n{}", "UnknownOperationException")]
    [InlineData("POST / HTTP/1.1\r\nConnection: close\r\nTransfer-Encoding: chunked\r\n\r\n2;x=y\r\n{}\r\n0\r\nTrailer: x\r\n\r\n", "UnknownOperationException")]
    [InlineData("", null)]
    [InlineData("POST / HT", null)]
    public async Task Anything_on_the_connection_is_answered_or_ends_it(string text, string? error)
    {
        using var connection = await _client.ConnectAsync();
        await connection.WriteAsync(Encoding.ASCII.GetBytes(text));
        ((System.Net.Sockets.NetworkStream)connection).Socket.Shutdown(System.Net.Sockets.SocketShutdown.Send);

        using var reader = new StreamReader(connection);
        string reply = await reader.ReadToEndAsync();

        if (error is null)
            reply.Should().BeEmpty();
        else
            reply.Should().StartWith("HTTP/1.1 400 Bad Request\r\n").And.Contain("\r\n\r\n{\"__type\":\"" + error);
    }

    [Fact]
    public async Task Headers_without_end_are_refused()
    {
        using var connection = await _client.ConnectAsync();
        await connection.WriteAsync(Encoding.ASCII.GetBytes("POST / HTTP/1.1\r\n" + new string('x', 70_000)));

        using var reader = new StreamReader(connection);
        (await reader.ReadLineAsync()).Should().Be("HTTP/1.1 400 Bad Request");
    }

    [Fact]
    public async Task TLS_is_spoken_with_the_servers_certificate()
    {
        using var key = RSA.Create(2048);
        var request = new CertificateRequest("CN=kms.us-east-1.amazonaws.com", key, HashAlgorithmName.SHA256, RSASignaturePadding.Pkcs1);
        using var certificate = request.CreateSelfSigned(DateTimeOffset.UtcNow.AddDays(-1), DateTimeOffset.UtcNow.AddDays(1));
        var kms = new FakeKms(new FakeKmsOptions { ServerCertificate = certificate });
        byte[]? seen = null;
        await using var client = new KmsClient(kms, new Uri("https://kms.us-east-1.amazonaws.com/"), der =>
        {
            seen = der;
            return true;
        });
        await using var distrustful = new KmsClient(kms, new Uri("https://kms.us-east-1.amazonaws.com/"), _ => false);

        await client.SendAsync("GenerateRandom", new JsonObject { ["NumberOfBytes"] = 10 });
        await ((Func<Task>)(() => distrustful.SendAsync("GenerateRandom", new JsonObject { ["NumberOfBytes"] = 10 }))).Should().ThrowAsync<HttpRequestException>();

        seen.Should().Equal(certificate.RawData);
        kms.Requests.Should().ContainSingle();
    }

    [Fact]
    public void Keys_and_policies_are_checked()
    {
        ((Action)(() => _kms.AddKey(new KmsKey { KeyId = "open" }))).Should().Throw<ArgumentException>();
        ((Action)(() => _kms.AddKey(new KmsKey { Alias = "app" }))).Should().Throw<ArgumentException>();
        ((Action)(() => _kms.AddKey(new KmsKey { Material = new byte[16] }))).Should().Throw<ArgumentException>();
        ((Action)(() => _kms.Encrypt("none", Secret))).Should().Throw<ArgumentException>();
        ((Action)(() => _ = new KmsKeyPolicy([]))).Should().Throw<ArgumentException>();
        ((Action)(() => _ = new KmsKeyPolicy([new("kms:RecipientAttestation:PCR32", new string('0', 96))]))).Should().Throw<ArgumentException>();
        ((Action)(() => _ = new KmsKeyPolicy([new("kms:EncryptionContext:a", new string('0', 96))]))).Should().Throw<ArgumentException>();
        ((Action)(() => _ = new KmsKeyPolicy([new("kms:RecipientAttestation:PCR0", "00")]))).Should().Throw<FormatException>();
        new KmsKey { KeyId = "k", Alias = "a" }.ToString().Should().Be("k (alias/a)");
    }

    private JsonObject Recipient(NsmOptions? options = null) => new()
    {
        ["AttestationDocument"] = Base64(Documents.Create(options, publicKey: _enclaveKey.ExportSubjectPublicKeyInfo())),
        ["KeyEncryptionAlgorithm"] = "RSAES_OAEP_SHA_256",
    };

    private byte[] Open(JsonObject reply)
    {
        var envelope = new EnvelopedCms();
        envelope.Decode(Convert.FromBase64String((string)reply["CiphertextForRecipient"]!));
        envelope.ContentEncryptionAlgorithm.Oid.Value.Should().Be("2.16.840.1.101.3.4.1.42");
        envelope.Decrypt(envelope.RecipientInfos[0], _enclaveKey);
        return envelope.ContentInfo.Content;
    }

    private static string Base64(byte[] bytes) => Convert.ToBase64String(bytes);
}
