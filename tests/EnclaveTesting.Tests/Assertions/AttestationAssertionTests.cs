using EnclaveTesting.Attestation;
using EnclaveTesting.Engine.Devices.Nsm;
using EnclaveTesting.Engine.Eif;
using EnclaveTesting.Tests.Lifecycle;
using EnclaveTesting.Tests.Nsm;

namespace EnclaveTesting.Tests.Assertions;

/// <summary>Assertions about a document that an enclave's security module made.</summary>
public sealed class AttestationAssertionTests : IAsyncLifetime
{
    private static readonly byte[] Nonce = [1, 2, 3], UserData = [.. "who I am"u8], PublicKey = [4, 5, 6];

    private readonly Enclave _enclave = Guest.Of("nsm").WithCommandLine("nsm.serve").WithParent(parent => parent.Port(9001).Expect("ready\n"))
        .WaitFor(Wait.ForParentPort(9001)).Build();

    public Task InitializeAsync() => _enclave.StartAsync();

    public async Task DisposeAsync() => await _enclave.DisposeAsync();

    [Fact]
    public async Task What_is_so_passes()
    {
        AttestationDocument document = await AttestAsync(("nonce", Nonce), ("user_data", UserData), ("public_key", PublicKey));

        document.Should().BeSignedBy().And.HaveMeasurements(_enclave.Measurements).And.HavePcr(0, _enclave.Measurements.Pcr0)
            .And.HaveNonce(Nonce).And.HaveUserData(UserData).And.HavePublicKey(PublicKey).And.Satisfy(AttestationPolicy.Trusting() with { Nonce = Nonce });
        document.AssertSignedBy();
        document.AssertMeasurements(_enclave.Measurements);
        document.AssertPcr(2, _enclave.Measurements.Pcr2);
        document.AssertNonce(Nonce);
        document.AssertUserData(UserData);
        document.AssertPublicKey(PublicKey);
    }

    [Fact]
    public async Task What_is_not_so_fails_and_shows_the_document()
    {
        AttestationDocument document = await AttestAsync(("nonce", Nonce));
        PcrValue other = PcrValue.Measure("another image"u8);
        AttestationAuthority stranger = AttestationAuthority.Create();

        Fails(() => document.AssertPcr(0, other), () => document.Should().HavePcr(0, other),
            $"Expected PCR0 to be {other}, but it is {_enclave.Measurements.Pcr0}.\nDocument:\n    module_id *nonce *010203*");
        Fails(() => document.AssertPcr(99, other), () => document.Should().HavePcr(99, other), $"Expected PCR99 to be {other}, but the document has no such register.\n*");
        EifMeasurements changed = _enclave.Measurements with { Pcr2 = other };
        Fails(() => document.AssertMeasurements(changed), () => document.Should().HaveMeasurements(changed),
            $"Expected the document to show the image's measurements: PCR2 to be {other}, but it is {_enclave.Measurements.Pcr2}.\n*");
        Fails(() => document.AssertNonce(PublicKey), () => document.Should().HaveNonce(PublicKey), "Expected the nonce to be 040506, but it is 010203.\n*");
        Fails(() => document.AssertUserData(UserData), () => document.Should().HaveUserData(UserData), "Expected the user data to be *, but the document has none.\n*");
        Fails(() => document.AssertPublicKey(PublicKey), () => document.Should().HavePublicKey(PublicKey), "Expected the public key to be 040506, but the document has none.\n*");
        Fails(() => document.AssertSignedBy(stranger), () => document.Should().BeSignedBy(stranger),
            "Expected the document to be signed under the authority's root, but it fails at RootOfTrust: *.\nDocument:\n*");
        document.Invoking(it => it.Should().Satisfy(AttestationPolicy.Trusting() with { Nonce = PublicKey })).Should().Throw<Exception>()
            .WithMessage("Expected the document to verify, but it fails at Nonce: it is 010203, not 040506.\n*");
    }

    private static void Fails(Action plain, Action fluent, string message)
    {
        string thrown = plain.Should().Throw<EnclaveAssertionException>().Which.Message;

        thrown.Should().Match(message);
        fluent.Should().Throw<Exception>().Which.Message.Should().Be(thrown, "one place makes the messages");
    }

    private async Task<AttestationDocument> AttestAsync(params (string Name, object? Value)[] parameters)
    {
        await using NsmBridge nsm = await NsmBridge.ConnectAsync(_enclave);
        return AttestationDocument.Parse(await nsm.AttestAsync(parameters));
    }
}
