using System.Security.Cryptography;
using EnclaveTesting.Engine.Devices.Nsm;
using EnclaveTesting.Engine.Eif;
using EnclaveTesting.Tests.Shared;

namespace EnclaveTesting.Engine.Tests.Nsm;

public sealed class NsmProtocolTests
{
    private readonly TestModule _module = new();

    [Fact]
    public void DescribeNSM_tells_what_the_module_is()
    {
        object description = Cbor.Member(_module.Ask("DescribeNSM"), "DescribeNSM");

        Assert.Equal(1L, Cbor.Member(description, "version_major"));
        Assert.Equal(0L, Cbor.Member(description, "version_minor"));
        Assert.Equal(0L, Cbor.Member(description, "version_patch"));
        Assert.Equal("i-0123456789abcdef0-enc0123456789abcdef", Cbor.Member(description, "module_id"));
        Assert.Equal(32L, Cbor.Member(description, "max_pcrs"));
        Assert.Equal("SHA384", Cbor.Member(description, "digest"));
        Assert.Equal(Enumerable.Range(0, 16).Select(it => (object?)(long)it), (List<object?>)Cbor.Member(description, "locked_pcrs"));
    }

    [Fact]
    public void Responses_have_the_bytes_that_QEMU_sends()
    {
        // QEMU 10.0, hw/virtio/virtio-nsm.c, for the same requests: names by length, then by letters.
        Assert.Equal("a16b44657363726962654e534da766646967657374665348413338346" + "86d61785f706372731820" + "696d6f64756c655f6964"
            + "78" + "27" + Convert.ToHexStringLower("i-0123456789abcdef0-enc0123456789abcdef"u8)
            + "6b6c6f636b65645f70637273" + "90" + "000102030405060708090a0b0c0d0e0f"
            + "6d76657273696f6e5f6d616a6f7201" + "6d76657273696f6e5f6d696e6f7200" + "6d76657273696f6e5f706174636800",
            Raw("6b44657363726962654e534d"));
        Assert.Equal("a16b4465736372696265504352a26464617461" + "5830" + new string('0', 96) + "646c6f636bf4", Raw("a16b4465736372696265504352a165696e64657810"));
        Assert.Equal("674c6f636b504352", Raw("a1674c6f636b504352a165696e64657810"));
        Assert.Equal("684c6f636b50435273", Raw("a1684c6f636b50435273a16572616e676511"));
        Assert.Equal("a1654572726f726c496e76616c6964496e646578", Raw("a1674c6f636b504352a165696e6465781820"));

        string Raw(string hex) => Convert.ToHexStringLower(_module.AskRaw(Convert.FromHexString(hex)));
    }

    [Fact]
    public void GetRandom_gives_256_bytes_which_differ_each_time()
    {
        byte[] first = (byte[])Cbor.Member(_module.Ask("GetRandom"), "GetRandom", "random");
        byte[] second = (byte[])Cbor.Member(_module.Ask("GetRandom"), "GetRandom", "random");

        Assert.Equal(256, first.Length);
        Assert.NotEqual(first, second);
    }

    [Fact]
    public void GetRandom_repeats_itself_with_a_seed()
    {
        object? Ask(ulong seed, int times)
        {
            var module = new TestModule(new NsmOptions { RandomSeed = seed });
            object? last = null;
            for (int i = 0; i < times; i++)
                last = Cbor.Member(module.Ask("GetRandom"), "GetRandom", "random");
            return last;
        }

        Assert.Equal(Ask(7, 3), Ask(7, 3));
        Assert.NotEqual(Ask(7, 3), Ask(7, 2));
        Assert.NotEqual(Ask(7, 3), Ask(8, 3));
    }

    [Theory]
    [InlineData(0, 0xa0, true)]
    [InlineData(1, 0xa1, true)]
    [InlineData(2, 0xa2, true)]
    [InlineData(3, 0, true)]
    [InlineData(8, 0xa8, true)]
    [InlineData(15, 0, true)]
    [InlineData(16, 0, false)]
    [InlineData(31, 0, false)]
    public void DescribePCR_gives_value_and_lock(int index, byte fill, bool locked)
    {
        object description = Cbor.Member(_module.Ask("DescribePCR", ("index", index)), "DescribePCR");

        Assert.Equal(Enumerable.Repeat(fill, 48), (byte[])Cbor.Member(description, "data"));
        Assert.Equal(locked, Cbor.Member(description, "lock"));
    }

    [Fact]
    public void ExtendPCR_hashes_the_old_value_and_the_data()
    {
        byte[] data = [1, 2, 3];
        byte[] once = SHA384.HashData([.. new byte[48], .. data]);
        byte[] twice = SHA384.HashData([.. once, .. data]);

        Assert.Equal(once, Cbor.Member(_module.Ask("ExtendPCR", ("index", 16), ("data", data)), "ExtendPCR", "data"));
        Assert.Equal(twice, Cbor.Member(_module.Ask("ExtendPCR", ("data", data), ("index", 16)), "ExtendPCR", "data"));
        Assert.Equal(twice, Cbor.Member(_module.Ask("DescribePCR", ("index", 16)), "DescribePCR", "data"));
        Assert.Equal(new PcrValue(twice), _module.Pcrs.Current[16]);
    }

    [Fact]
    public void ExtendPCR_takes_its_data_as_bytes_text_or_numbers()
    {
        object expected = Cbor.Member(_module.Ask("ExtendPCR", ("index", 16), ("data", "abc"u8.ToArray())), "ExtendPCR", "data");

        Assert.Equal(expected, Cbor.Member(_module.Ask("ExtendPCR", ("index", 17), ("data", "abc")), "ExtendPCR", "data"));
        Assert.Equal(expected, Cbor.Member(
            Cbor.Decode(_module.AskRaw(Convert.FromHexString("a169457874656e64504352a265696e64657812" + "6464617461" + "831861" + "1862" + "1863"))), "ExtendPCR", "data"));
        Assert.Equal(expected, Cbor.Member(
            Cbor.Decode(_module.AskRaw(Convert.FromHexString("bf69457874656e64504352bf65696e64657813" + "6464617461" + "5f4161426263ff" + "ffff"))), "ExtendPCR", "data"));
        Assert.Equal(expected, Cbor.Member(
            Cbor.Decode(_module.AskRaw(Convert.FromHexString("bf69457874656e64504352bf65696e64657814" + "6464617461" + "7f6161626263ff" + "ffff"))), "ExtendPCR", "data"));
    }

    [Fact]
    public void LockPCR_locks_once()
    {
        Assert.Equal("LockPCR", _module.Ask("LockPCR", ("index", 20)));

        Assert.Equal("ReadOnlyIndex", Cbor.ErrorOf(_module.Ask("LockPCR", ("index", 20))));
        Assert.Equal("ReadOnlyIndex", Cbor.ErrorOf(_module.Ask("LockPCR", ("index", 0))));
        Assert.Equal("ReadOnlyIndex", Cbor.ErrorOf(_module.Ask("ExtendPCR", ("index", 20), ("data", new byte[1]))));
        Assert.Equal(true, Cbor.Member(_module.Ask("DescribePCR", ("index", 20)), "DescribePCR", "lock"));
        Assert.Equal(false, Cbor.Member(_module.Ask("DescribePCR", ("index", 21)), "DescribePCR", "lock"));
    }

    [Theory]
    [InlineData(0, 16)]
    [InlineData(3, 16)]
    [InlineData(17, 17)]
    [InlineData(32, 32)]
    public void LockPCRs_locks_a_range_from_0(int range, int locked)
    {
        Assert.Equal("LockPCRs", _module.Ask("LockPCRs", ("range", range)));

        Assert.Equal(locked, ((List<object?>)Cbor.Member(_module.Ask("DescribeNSM"), "DescribeNSM", "locked_pcrs")).Count);
        Assert.Equal("LockPCRs", _module.Ask("LockPCRs", ("range", range)));
    }

    [Theory]
    [InlineData("DescribePCR", "index", 32)]
    [InlineData("DescribePCR", "index", 255)]
    [InlineData("DescribePCR", "index", 65535)]
    [InlineData("LockPCR", "index", 32)]
    [InlineData("LockPCRs", "range", 33)]
    [InlineData("LockPCRs", "range", 65535)]
    public void A_register_that_does_not_exist_is_an_invalid_index(string request, string parameter, int index) =>
        Assert.Equal("InvalidIndex", Cbor.ErrorOf(_module.Ask(request, (parameter, index))));

    [Fact]
    public void Extending_a_register_that_does_not_exist_is_an_invalid_index() =>
        Assert.Equal("InvalidIndex", Cbor.ErrorOf(_module.Ask("ExtendPCR", ("index", 32), ("data", new byte[1]))));

    [Theory]
    [InlineData(0)]
    [InlineData(8)]
    [InlineData(15)]
    public void The_platforms_registers_cannot_be_extended(int index) =>
        Assert.Equal("ReadOnlyIndex", Cbor.ErrorOf(_module.Ask("ExtendPCR", ("index", index), ("data", new byte[1]))));

    [Theory]
    [InlineData("")]
    [InlineData("60")] // an empty text
    [InlineData("63466f6f")] // "Foo"
    [InlineData("6b6465736372696265504352")] // "describePCR"
    [InlineData("f6")]
    [InlineData("80")]
    [InlineData("a0")]
    [InlineData("01")]
    [InlineData("4b44657363726962654e534d")] // DescribeNSM as bytes
    [InlineData("c06b44657363726962654e534d")] // tagged
    [InlineData("6b44657363726962654e53")] // cut off
    [InlineData("6b4465736372696265504352")] // DescribePCR without parameters
    [InlineData("a16b44657363726962654e534da0")] // DescribeNSM with parameters
    [InlineData("a16b4465736372696265504352f6")] // parameters that are null
    [InlineData("a16b4465736372696265504352a0")] // none
    [InlineData("a16b4465736372696265504352a165696e64657820")] // index -1
    [InlineData("a16b4465736372696265504352a165696e646578613f")] // index "?"
    [InlineData("a16b4465736372696265504352a165696e646578fa3f800000")] // index 1.0
    [InlineData("a16b4465736372696265504352a165696e6465781a00010000")] // index 65536
    [InlineData("a16b4465736372696265504352a265696e6465780065696e64657801")] // twice
    [InlineData("a26b4465736372696265504352a165696e64657800674c6f636b504352a165696e64657810")] // two requests
    [InlineData("a169457874656e64504352a165696e64657810")] // no data
    [InlineData("a169457874656e64504352a265696e646578106464617461f6")] // null data
    [InlineData("a169457874656e64504352a265696e6465781064646174618119012c")] // 300 as a byte
    [InlineData("a16b4174746573746174696f6ea1656e6f6e636501")] // a number as nonce
    [InlineData("a16b4174746573746174696f6e80")] // an array of parameters
    [InlineData("a16b4174746573746174696f6ea1656e6f6e63655b7fffffffffffffff00")] // a nonce of 8 EiB
    [InlineData("bb7fffffffffffffff")] // a map of 2^63 - 1 entries
    [InlineData("9b7fffffffffffffff")]
    [InlineData("bf6b4465736372696265504352bf65696e64657801ff")] // never ended
    [InlineData("1c")] // reserved
    [InlineData("ff")]
    [InlineData("5f5fff")]
    [InlineData("a16b4465736372696265504352a265696e6465780061e7e0")] // a key cut off
    [InlineData("a169457874656e64504352a265696e64657810646461746161ff")] // data as a text that is not UTF-8
    [InlineData("a16b4465736372696265504352a265696e6465780061ff00")] // a name that is not UTF-8
    [InlineData("a16b4465736372696265504352a265696e64657800616e8161ff")] // a text in a value that is not
    [InlineData("a16b4465736372696265504352a265696e64657800616e7f61c361a4ff")] // a letter across two pieces
    [InlineData("a16b4465736372696265504352a265696e64657800616ee0")] // a simple value that means nothing
    [InlineData("a16b4465736372696265504352a265696e64657800616e82c1f8ff00")] // inside an array, behind a tag
    [InlineData("bf6b4465736372696265504352bf65696e64657800616effff")] // a name without a value
    [InlineData("bf6b4465736372696265504352bf65696e64657800616ec1ffff")] // a tag without a value
    [InlineData("bf6b4465736372696265504352bf65696e64657800616e9fa0ff61")] // cut off behind an array
    public void What_is_no_request_is_an_invalid_operation(string hex)
    {
        Assert.Equal("InvalidOperation", Cbor.ErrorOf(Cbor.Decode(_module.AskRaw(Convert.FromHexString(hex)))));
    }

    [Theory]
    [InlineData("a16b4465736372696265504352a265696e64657818006365787400")] // a longer integer, another parameter
    [InlineData("a16b4465736372696265504352a265696e6465781b000000000000000001f6")] // a key that is no text
    [InlineData("a16b4465736372696265504352a265696e64657800616ef7")] // undefined
    [InlineData("a16b4465736372696265504352a265696e64657800616e9fa1c100fb7ff8000000000000bf00f500f4fff9000080ff")] // all kinds of values in a list
    [InlineData("bf6b4465736372696265504352bf65696e64657800ffff")] // indefinite maps
    [InlineData("a17f68446573637269626563504352ffa165696e64657800")] // a name in two parts
    [InlineData("a16b4465736372696265504352a165696e64657800ffff00")] // something after it
    public void Requests_are_read_leniently(string hex)
    {
        object response = Cbor.Decode(_module.AskRaw(Convert.FromHexString(hex)))!;
        Assert.Equal(Enumerable.Repeat((byte)0xa0, 48), (byte[])Cbor.Member(response, "DescribePCR", "data"));
    }

    [Fact]
    public void Nesting_is_bounded()
    {
        Assert.NotNull(Cbor.Member(Ask(depth: 40), "DescribePCR"));
        Assert.Equal("InvalidOperation", Cbor.ErrorOf(Ask(depth: 4000)));

        object? Ask(int depth) => Cbor.Decode(_module.AskRaw(
            (byte[])[.. Convert.FromHexString("a16b4465736372696265504352a265696e64657800616e"), .. Enumerable.Repeat((byte)0x81, depth), 0xf6]));
    }

    [Theory]
    [InlineData("user_data", 1024)]
    [InlineData("nonce", 1024)]
    [InlineData("public_key", 1024)]
    public void A_field_may_have_1024_bytes_and_no_more(string field, int limit)
    {
        Assert.NotNull(Cbor.Member(_module.Ask("Attestation", (field, new byte[limit])), "Attestation", "document"));
        Assert.Equal("InputTooLarge", Cbor.ErrorOf(_module.Ask("Attestation", (field, new byte[limit + 1]))));
    }

    [Fact]
    public void Limits_can_be_those_of_the_validation_steps()
    {
        var module = new TestModule(new NsmOptions { Limits = NsmFieldLimits.Verifiable });

        Assert.NotNull(Cbor.Member(module.Ask("Attestation", ("nonce", new byte[512])), "Attestation", "document"));
        Assert.Equal("InputTooLarge", Cbor.ErrorOf(module.Ask("Attestation", ("nonce", new byte[513]))));
        Assert.Equal("InputTooLarge", Cbor.ErrorOf(module.Ask("Attestation", ("user_data", new byte[513]))));
    }

    [Fact]
    public void A_request_has_4096_bytes_at_most()
    {
        byte[] request = Cbor.Encode(writer => writer.WriteTextString("DescribeNSM"));

        Assert.NotNull(Cbor.Member(Cbor.Decode(_module.AskRaw(Pad(request, 4096))), "DescribeNSM"));
        Assert.Equal("InputTooLarge", Cbor.ErrorOf(Cbor.Decode(_module.AskRaw(Pad(request, 4097)))));

        static byte[] Pad(byte[] bytes, int size) => [.. bytes, .. new byte[size - bytes.Length]];
    }

    [Fact]
    public void A_response_that_does_not_fit_says_so()
    {
        int size = _module.AskRaw(Cbor.Encode(writer => writer.WriteTextString("DescribeNSM"))).Length;

        Assert.NotNull(Cbor.Member(_module.Ask(Request, size), "DescribeNSM"));
        Assert.Equal("BufferTooSmall", Cbor.ErrorOf(_module.Ask(Request, size - 1)));
        Assert.Equal("BufferTooSmall", Cbor.ErrorOf(_module.Ask(Request, 22)));
        Assert.Empty(_module.AskRaw(Cbor.Encode(Request), 21));
        Assert.Empty(_module.AskRaw(Cbor.Encode(Request), 0));

        static void Request(System.Formats.Cbor.CborWriter writer) => writer.WriteTextString("DescribeNSM");
    }

    [Fact]
    public void The_largest_document_fits_the_largest_response()
    {
        Assert.Equal("LockPCRs", _module.Ask("LockPCRs", ("range", 32)));

        Assert.True(_module.Attest(new byte[1024], new byte[1024], new byte[1024]).Length > 8000);
    }
}
