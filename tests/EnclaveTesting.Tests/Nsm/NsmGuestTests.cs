using System.Security.Cryptography;
using EnclaveTesting.Attestation;
using EnclaveTesting.Engine.Devices.Nsm;
using EnclaveTesting.Engine.Eif;
using EnclaveTesting.Tests.Shared;
using EnclaveTesting.Xunit;
using Xunit.Abstractions;

namespace EnclaveTesting.Tests.Nsm;

/// <summary>Every request to the security module, and what can be wrong with one, from inside an enclave.</summary>
public sealed class NsmGuestTests(NsmGuests guests, ITestOutputHelper output) : IClassFixture<NsmGuests>
{
    private const NsmGuestKind BareMetalOnKvm = NsmGuestKind.BareMetalOnKvm;
    private const NsmGuestKind BareMetalOnSoftware = NsmGuestKind.BareMetalOnSoftware;
    private const NsmGuestKind LinuxOnKvm = NsmGuestKind.LinuxOnKvm;
    private const NsmGuestKind LinuxOnSoftware = NsmGuestKind.LinuxOnSoftware;

    [EnclaveTheory, NsmGuest(BareMetalOnKvm), NsmGuest(BareMetalOnSoftware), NsmGuest(LinuxOnKvm), NsmGuest(LinuxOnSoftware)]
    public async Task DescribeNSM(NsmGuestKind kind)
    {
        await using NsmBridge nsm = await ConnectAsync(kind);

        object description = Cbor.Member(await nsm.AskAsync("DescribeNSM"), "DescribeNSM");

        description.Should().BeEquivalentTo(new Dictionary<object, object?>
        {
            ["version_major"] = 1L,
            ["version_minor"] = 0L,
            ["version_patch"] = 0L,
            ["module_id"] = "i-0123456789abcdef0-enc0123456789abcdef",
            ["max_pcrs"] = 32L,
            ["locked_pcrs"] = Enumerable.Range(0, 16).Select(it => (object?)(long)it).ToList(),
            ["digest"] = "SHA384",
        });
    }

    [EnclaveTheory, NsmGuest(BareMetalOnKvm), NsmGuest(BareMetalOnSoftware), NsmGuest(LinuxOnKvm), NsmGuest(LinuxOnSoftware)]
    public async Task GetRandom(NsmGuestKind kind)
    {
        await using NsmBridge nsm = await ConnectAsync(kind);
        var seen = new HashSet<string>();

        for (int i = 0; i < 16; i++)
        {
            byte[] random = (byte[])Cbor.Member(await nsm.AskAsync("GetRandom"), "GetRandom", "random");
            random.Should().HaveCount(256);
            seen.Add(Convert.ToHexString(random)).Should().BeTrue("no two are the same");
        }
    }

    [EnclaveTheory, NsmGuest(BareMetalOnKvm), NsmGuest(BareMetalOnSoftware), NsmGuest(LinuxOnKvm), NsmGuest(LinuxOnSoftware)]
    public async Task DescribePCR(NsmGuestKind kind)
    {
        Enclave enclave = await guests.SharedAsync(kind);
        await using NsmBridge nsm = await ConnectAsync(kind);

        for (int i = 0; i < 32; i++)
        {
            object description = Cbor.Member(await nsm.AskAsync("DescribePCR", ("index", i)), "DescribePCR");
            Cbor.Member(description, "data").Should().BeEquivalentTo(enclave.Pcrs[i].ToArray());
            Cbor.Member(description, "lock").Should().Be(i < 16);
        }

        enclave.Pcrs[0].Should().Be(enclave.Measurements.Pcr0).And.NotBe(default(PcrValue));
        enclave.Pcrs[1].Should().Be(enclave.Measurements.Pcr1);
        enclave.Pcrs[2].Should().Be(enclave.Measurements.Pcr2);
    }

    [EnclaveTheory, NsmGuest(BareMetalOnKvm), NsmGuest(BareMetalOnSoftware), NsmGuest(LinuxOnKvm), NsmGuest(LinuxOnSoftware)]
    public async Task ExtendPCR_LockPCR_and_LockPCRs(NsmGuestKind kind)
    {
        await using Enclave enclave = await NsmGuests.StartAsync(NsmGuests.Builder(kind));
        await using NsmBridge nsm = await NsmBridge.ConnectAsync(enclave);
        byte[] value = new byte[48];

        // Empty data, a lot of data, the same data twice.
        foreach (byte[] data in (byte[][])[[], [1, 2, 3], [1, 2, 3], RandomNumberGenerator.GetBytes(4000)])
        {
            value = SHA384.HashData([.. value, .. data]);
            Cbor.Member(await nsm.AskAsync("ExtendPCR", ("index", 16), ("data", data)), "ExtendPCR", "data").Should().BeEquivalentTo(value);
            enclave.Pcrs[16].ToArray().Should().Equal(value);
        }

        Cbor.Member(await nsm.AskAsync("ExtendPCR", ("data", "text"), ("index", 31)), "ExtendPCR", "data").Should().BeEquivalentTo(
            SHA384.HashData([.. new byte[48], .. "text"u8]));
        enclave.Pcrs[17].IsZero.Should().BeTrue("only the register that was named is extended");

        (await nsm.AskAsync("LockPCR", ("index", 16))).Should().Be("LockPCR");
        (await ErrorAsync("LockPCR", ("index", 16))).Should().Be("ReadOnlyIndex");
        (await ErrorAsync("ExtendPCR", ("index", 16), ("data", new byte[1]))).Should().Be("ReadOnlyIndex");
        enclave.Pcrs.IsLocked(16).Should().BeTrue();
        enclave.Pcrs[16].ToArray().Should().Equal(value);

        (await nsm.AskAsync("LockPCRs", ("range", 20))).Should().Be("LockPCRs");
        (await nsm.AskAsync("LockPCRs", ("range", 0))).Should().Be("LockPCRs");
        LockedPcrs(await nsm.AskAsync("DescribeNSM")).Should().Equal(Enumerable.Range(0, 20).Select(it => (long)it));
        (await ErrorAsync("ExtendPCR", ("index", 19), ("data", new byte[1]))).Should().Be("ReadOnlyIndex");
        Cbor.Member(await nsm.AskAsync("ExtendPCR", ("index", 20), ("data", new byte[1])), "ExtendPCR", "data");

        (await ErrorAsync("LockPCRs", ("range", 33))).Should().Be("InvalidIndex");
        enclave.Pcrs.IsLocked(20).Should().BeFalse("a range that is too long locks nothing");
        (await nsm.AskAsync("LockPCRs", ("range", 32))).Should().Be("LockPCRs");
        LockedPcrs(await nsm.AskAsync("DescribeNSM")).Should().HaveCount(32);

        // Only registers that are locked are attested; now all are.
        AttestationDocument.Parse(await nsm.AttestAsync()).Pcrs.Should().BeEquivalentTo(enclave.Pcrs.Select((it, i) => KeyValuePair.Create(i, it)));

        async Task<string?> ErrorAsync(string request, params (string, object?)[] parameters) => Cbor.ErrorOf(await nsm.AskAsync(request, parameters));

        static IEnumerable<long> LockedPcrs(object? response) => ((List<object?>)Cbor.Member(response, "DescribeNSM", "locked_pcrs")).Cast<long>();
    }

    [EnclaveTheory, NsmGuest(BareMetalOnKvm), NsmGuest(BareMetalOnSoftware), NsmGuest(LinuxOnKvm), NsmGuest(LinuxOnSoftware)]
    public async Task Attestation(NsmGuestKind kind)
    {
        Enclave enclave = await guests.SharedAsync(kind);
        await using NsmBridge nsm = await ConnectAsync(kind);
        var pcrs = Enumerable.Range(0, 16).ToDictionary(i => i, i => enclave.Pcrs[i]);

        // Each field left out, null, empty where it may be, short, as long as it can be; alone and all together.
        foreach (byte[]? userData in (byte[]?[])[null, [], [1], RandomNumberGenerator.GetBytes(1024)])
        {
            foreach (byte[]? publicKey in (byte[]?[])[null, [2, 2], RandomNumberGenerator.GetBytes(1024)])
            {
                byte[]? nonce = userData is { Length: > 1 } ? RandomNumberGenerator.GetBytes(1024) : userData;
                AttestationDocument document = AttestationDocument.Parse(await nsm.AttestAsync(("user_data", userData), ("nonce", nonce), ("public_key", publicKey)));

                document.Verify(AttestationPolicy.Trusting() with { Pcrs = pcrs, UserData = Expected(userData), Nonce = Expected(nonce), PublicKey = Expected(publicKey) });
                (document.UserData is null, document.Nonce is null, document.PublicKey is null).Should().Be((userData is null, nonce is null, publicKey is null));
                document.ModuleId.Should().Be("i-0123456789abcdef0-enc0123456789abcdef");
            }
        }

        AttestationDocument.Parse(await nsm.AttestAsync()).Verify(AttestationPolicy.Trusting() with { Pcrs = pcrs });
        AttestationDocument.Parse(await nsm.AttestAsync(("unknown", 1), ("nonce", "text"))).Verify(AttestationPolicy.Trusting() with { Nonce = "text"u8.ToArray() });

        static ReadOnlyMemory<byte>? Expected(byte[]? bytes) => bytes is null ? default(ReadOnlyMemory<byte>?) : bytes;
    }

    /// <summary>Requests in hexadecimal, and the errors they get.</summary>
    public static readonly (string Request, string Error, string What)[] Refused =
    [
        ("60", "InvalidOperation", "an empty name"),
        ("63466f6f", "InvalidOperation", "a request that does not exist"),
        ("a163466f6fa0", "InvalidOperation", "one with parameters"),
        ("f6", "InvalidOperation", "null"),
        ("80", "InvalidOperation", "an array"),
        ("a0", "InvalidOperation", "an empty map"),
        ("00", "InvalidOperation", "a number"),
        ("4b44657363726962654e534d", "InvalidOperation", "a name in bytes"),
        ("6b44657363726962654e53", "InvalidOperation", "cut off"),
        ("1c", "InvalidOperation", "a reserved form"),
        ("ff", "InvalidOperation", "an end without a beginning"),
        ("5f5fff", "InvalidOperation", "nested pieces"),
        ("bb7fffffffffffffff", "InvalidOperation", "a map of 2^63 - 1 entries"),
        ("bbffffffffffffffff6b4465736372696265504352", "InvalidOperation", "a map of 2^64 - 1 entries with a name"),
        ("9bffffffffffffffff", "InvalidOperation", "a huge array"),
        ("7bffffffffffffffff", "InvalidOperation", "a huge name"),
        ("a16b4174746573746174696f6ebb7fffffffffffffff", "InvalidOperation", "a huge map of parameters"),
        ("a16b4174746573746174696f6ea1656e6f6e63655b7fffffffffffffff00", "InvalidOperation", "a nonce of 8 EiB"),
        ("a16b4174746573746174696f6ea1656e6f6e636501", "InvalidOperation", "a number as nonce"),
        ("a16b4174746573746174696f6ea1656e6f6e6365a0", "InvalidOperation", "a map as nonce"),
        ("a16b4174746573746174696f6e80", "InvalidOperation", "an array of parameters"),
        ("6b4174746573746174696f6e", "InvalidOperation", "Attestation without parameters"),
        ("a16b44657363726962654e534da0", "InvalidOperation", "DescribeNSM with parameters"),
        ("a26b4465736372696265504352a165696e64657800674c6f636b504352a165696e64657810", "InvalidOperation", "two requests"),
        ("6b4465736372696265504352", "InvalidOperation", "DescribePCR without parameters"),
        ("a16b4465736372696265504352a0", "InvalidOperation", "DescribePCR without index"),
        ("a16b4465736372696265504352a165696e64657820", "InvalidOperation", "index -1"),
        ("a16b4465736372696265504352a165696e646578613f", "InvalidOperation", "index \"?\""),
        ("a16b4465736372696265504352a165696e646578f5", "InvalidOperation", "index true"),
        ("a16b4465736372696265504352a165696e646578fb4030000000000000", "InvalidOperation", "index 16.0"),
        ("a16b4465736372696265504352a165696e6465781bffffffffffffffff", "InvalidOperation", "index 2^64 - 1"),
        ("a16b4465736372696265504352a165696e6465781820", "InvalidIndex", "DescribePCR 32"),
        ("a16b4465736372696265504352a165696e64657818ff", "InvalidIndex", "DescribePCR 255"),
        ("a1674c6f636b504352a165696e6465781820", "InvalidIndex", "LockPCR 32"),
        ("a1684c6f636b50435273a16572616e67651821", "InvalidIndex", "LockPCRs 33"),
        ("a169457874656e64504352a265696e6465781820646461746140", "InvalidIndex", "ExtendPCR 32"),
        ("a169457874656e64504352a265696e64657800646461746140", "ReadOnlyIndex", "ExtendPCR 0"),
        ("a1674c6f636b504352a165696e6465780f", "ReadOnlyIndex", "LockPCR 15"),
        ("a169457874656e64504352a165696e64657810", "InvalidOperation", "ExtendPCR without data"),
        ("a169457874656e64504352a1646461746140", "InvalidOperation", "ExtendPCR without index"),
        ("a169457874656e64504352a265696e646578106464617461f6", "InvalidOperation", "null data"),
        ("a169457874656e64504352a265696e64657810646461746101", "InvalidOperation", "a number as data"),
        ("a1684c6f636b50435273a165696e64657810", "InvalidOperation", "LockPCRs with an index"),
    ];

    [EnclaveTheory, NsmGuest(BareMetalOnKvm), NsmGuest(BareMetalOnSoftware), NsmGuest(LinuxOnKvm), NsmGuest(LinuxOnSoftware)]
    public async Task What_is_wrong_is_answered_with_an_error(NsmGuestKind kind)
    {
        Enclave enclave = await guests.SharedAsync(kind);
        await using NsmBridge nsm = await ConnectAsync(kind);
        PcrSnapshot before = enclave.Pcrs;

        foreach (var (request, error, what) in Refused)
            Cbor.ErrorOf(Cbor.Decode(await nsm.AskAsync(Convert.FromHexString(request)))).Should().Be(error, what);
        foreach (string field in (string[])["user_data", "nonce", "public_key"])
            Cbor.ErrorOf(await nsm.AskAsync("Attestation", (field, new byte[1025]))).Should().Be("InputTooLarge", field);

        enclave.Pcrs.Should().Equal(before);
        Cbor.Member(await nsm.AskAsync("DescribeNSM"), "DescribeNSM");
    }

    [EnclaveTheory, NsmGuest(BareMetalOnKvm), NsmGuest(BareMetalOnSoftware), NsmGuest(LinuxOnKvm), NsmGuest(LinuxOnSoftware)]
    public async Task A_request_has_4096_bytes_at_most(NsmGuestKind kind)
    {
        await using NsmBridge nsm = await ConnectAsync(kind);
        byte[] describe = Cbor.Request("DescribeNSM");

        Cbor.Member(Cbor.Decode(await nsm.AskAsync([.. describe, .. new byte[4096 - describe.Length]])), "DescribeNSM");

        byte[] tooLong = [.. describe, .. new byte[4097 - describe.Length]];
        if (NsmGuests.IsLinux(kind))
            await FluentActions.Awaiting(() => nsm.AskAsync(tooLong)).Should().ThrowAsync<IOException>("the driver does not even pass it on");
        else
            Cbor.ErrorOf(Cbor.Decode(await nsm.AskAsync(tooLong))).Should().Be("InputTooLarge");
    }

    [EnclaveTheory, NsmGuest(BareMetalOnKvm), NsmGuest(BareMetalOnSoftware)]
    public async Task An_unusual_shape_gets_a_response_an_error_or_a_device_that_wants_a_reset(NsmGuestKind kind)
    {
        Enclave enclave = await guests.SharedAsync(kind);
        await using NsmBridge nsm = await ConnectAsync(kind, shaped: true);
        byte[] describe = Cbor.Request("DescribeNSM");
        byte[] extend = Cbor.Request("ExtendPCR", ("index", 30), ("data", new byte[10]));
        PcrSnapshot before = enclave.Pcrs;

        // Fine.
        for (int pieces = 1; pieces <= 4; pieces++)
            Cbor.Member(Cbor.Decode(await nsm.AskShapedAsync(describe, pieces: pieces)), "DescribeNSM");
        Cbor.Member(Cbor.Decode(await nsm.AskShapedAsync(describe, NsmShape.RingBetween)), "DescribeNSM");
        Cbor.Member(Cbor.Decode(await nsm.AskShapedAsync(describe, room: 0x4000)), "DescribeNSM");
        Cbor.ErrorOf(Cbor.Decode(await nsm.AskShapedAsync([]))).Should().Be("InvalidOperation");

        // Too little room for the response, but enough for an error.
        foreach (int room in (int[])[22, 23, 100])
            Cbor.ErrorOf(Cbor.Decode(await nsm.AskShapedAsync(describe, room: room, pieces: room % 4 + 1))).Should().Be("BufferTooSmall");

        // No response can be given, or who should give it is unclear: the device stops, and after a reset works again.
        foreach (int room in (int[])[0, 1, 21])
            await StopsAsync(NsmShape.None, room);
        await StopsAsync(NsmShape.RoomReadable);
        await StopsAsync(NsmShape.RequestWritable);
        await StopsAsync(NsmShape.OneChain);
        await StopsAsync(NsmShape.RoomFirst);
        await StopsAsync(NsmShape.RoomFirst | NsmShape.RoomReadable | NsmShape.RequestWritable);

        // A request whose room never comes is not carried out, nor is one before a reset.
        (await nsm.AskShapedAsync(extend, NsmShape.NoRoom)).Should().BeEmpty();
        (await nsm.AskShapedAsync(extend, NsmShape.RingBetween | NsmShape.ResetBetween)).Should().BeEmpty();
        Cbor.Member(await nsm.AskAsync("DescribeNSM"), "DescribeNSM");
        enclave.Pcrs.Should().Equal(before);

        async Task StopsAsync(NsmShape shape, int room = NsmBridge.Room)
        {
            (await nsm.AskShapedAsync(shape == NsmShape.None ? describe : extend, shape, room)).Should().BeEmpty("{0}, room {1}", shape, room);
            Cbor.Member(await nsm.AskAsync("DescribeNSM"), "DescribeNSM");
        }
    }

    [EnclaveTheory, NsmGuest(BareMetalOnKvm), NsmGuest(BareMetalOnSoftware), NsmGuest(LinuxOnKvm), NsmGuest(LinuxOnSoftware)]
    public async Task Many_requests_in_a_row_are_answered_in_order(NsmGuestKind kind)
    {
        await using NsmBridge nsm = await ConnectAsync(kind);
        byte[][] requests = [.. Enumerable.Range(0, 200).Select(i => Cbor.Request("DescribePCR", ("index", i % 40)))];

        IReadOnlyList<byte[]> answers = await nsm.AskAllAsync(requests);

        for (int i = 0; i < requests.Length; i++)
        {
            object? answer = Cbor.Decode(answers[i]);
            Cbor.ErrorOf(answer).Should().Be(i % 40 < 32 ? null : "InvalidIndex");
        }
    }

    /// <summary>Noise, changed and truncated requests: each response is the one that a module in this process gives for the same requests.</summary>
    [EnclaveTheory, NsmGuest(BareMetalOnKvm), NsmGuest(BareMetalOnSoftware), NsmGuest(LinuxOnKvm), NsmGuest(LinuxOnSoftware)]
    public async Task Generated_requests_get_the_same_responses_as_without_a_machine(NsmGuestKind kind)
    {
        const int Count = 500;
        int seed = Seeds.Take(output);
        var random = new Random(seed);
        await using Enclave enclave = await NsmGuests.StartAsync(NsmGuests.Builder(kind));
        await using NsmBridge nsm = await NsmBridge.ConnectAsync(enclave);
        var options = new NsmOptions();
        var pcrs = new PcrBank(enclave.Measurements, options);
        var reference = new NsmProtocol(pcrs, options, new AttestationSigner(options, seed: null), new NsmRandom(null), TimeProvider.System);
        byte[] buffer = new byte[NsmProtocol.MaxResponseSize];
        byte[][] requests = [.. Enumerable.Range(0, Count).Select(_ => NsmCorpus.Generate(random)).Where(it => it.Length <= NsmProtocol.MaxRequestSize)];

        for (int i = 0; i < requests.Length; i++)
        {
            byte[] response = await nsm.AskAsync(requests[i]);

            byte[] expected = buffer[..reference.Handle(requests[i], buffer)];
            string because = $"TEST_SEED={seed}, request {i}: {Convert.ToHexString(requests[i])}";
            if (Cbor.Decode(expected) is Dictionary<object, object?> map && (map.ContainsKey("GetRandom") || map.ContainsKey("Attestation")))
                ((Dictionary<object, object?>)Cbor.Decode(response)!).Keys.Should().Equal([map.Keys.Single()], because);
            else
                Convert.ToHexString(response).Should().Be(Convert.ToHexString(expected), because);
        }

        enclave.Pcrs.Should().Equal(pcrs.Current);
    }

    private async Task<NsmBridge> ConnectAsync(NsmGuestKind kind, bool shaped = false) => await NsmBridge.ConnectAsync(await guests.SharedAsync(kind), shaped);
}
