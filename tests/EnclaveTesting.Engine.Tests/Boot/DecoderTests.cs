using CsCheck;
using EnclaveTesting.Engine.Boot.Decompression;

namespace EnclaveTesting.Engine.Tests.Boot;

/// <summary>The decoders, each given what a real tool packed (Packed/make.sh).</summary>
public class DecoderTests
{
    private const int Limit = 1 << 20;
    private static readonly byte[] Sample = Read("sample");

    public static TheoryData<string> Packed => ["gz", "bz2", "lzma", "xz", "x86.xz", "zst", "lz4", "lzo"];

    [Theory]
    [MemberData(nameof(Packed))]
    public void An_archive_is_unpacked_and_the_input_stands_behind_it(string kind)
    {
        byte[] packed = Read("sample." + kind);
        // LZ4's old format has no end but that of the data, or zeroes.
        byte[] tail = kind == "lz4" ? new byte[30_000] : [.. Enumerable.Repeat((byte)0x5A, 30_000)];
        foreach ((int read, int feed) in new[] { (1 << 20, 1 << 20), (1 << 20, 1), (13, 1 << 20), (4096, 1000) })
        {
            using CompressedInput input = Feed([.. packed, .. tail], feed);

            byte[] unpacked = Unpack(input, read);

            unpacked.AsSpan().SequenceEqual(Sample).Should().BeTrue($"{kind}, read by {read}, fed by {feed}");
            input.Position.Should().Be(packed.Length, $"{kind}, read by {read}, fed by {feed}");
        }
    }

    [Theory]
    [MemberData(nameof(Packed))]
    public void An_archive_that_is_cut_short_is_refused_with_its_offset(string kind)
    {
        byte[] packed = Read("sample." + kind);
        for (int length = 2; length < packed.Length; length += 1 + (length / 20))
        {
            using CompressedInput input = Feed(packed[..length]);
            Func<byte[]> unpack = () => Unpack(input, 4096);

            // Nothing in LZ4's old format says how many blocks there are: cut between two of them it is only shorter.
            if (kind == "lz4" && length is >= 4 and < 8)
                unpack().Should().BeEmpty();
            else
                unpack.Should().Throw<CompressedDataException>($"{length} of {packed.Length} bytes of {kind} are there").Which.Position.Should().BeInRange(0, length);
        }
    }

    [Theory]
    [MemberData(nameof(Packed))]
    public void No_damage_is_answered_by_another_exception_or_without_end(string kind)
    {
        byte[] packed = Read("sample." + kind);
        Gen.Select(Gen.Int[0, packed.Length - 1], Gen.Byte, Gen.Int[2, packed.Length - 1], Gen.Byte).Array[1, 3].Sample(
            damages =>
            {
                byte[] damaged = [.. packed];
                foreach ((int any, byte value, int other, byte second) in damages)
                {
                    // Headers are where it hurts most.
                    damaged[2 + (any % 30)] = value;
                    damaged[other] = second;
                }

                using CompressedInput input = Feed(damaged);
                try
                {
                    Unpack(input, 4096).Length.Should().BeLessThanOrEqualTo(Limit + 4096);
                }
                catch (Exception exception) when (exception is CompressedDataException or UnknownDataException)
                {
                    // The two ways to say no.
                }
            },
            iter: 300);
    }

    [Fact]
    public void An_lzo_block_that_lies_about_its_size_is_refused()
    {
        byte[] packed = Read("sample.lzo");
        int name = 9 + 2 + 2 + 2 + 1 + 1 + 4 + 4 + 4 + 4;
        int block = name + 1 + packed[name] + 4;
        packed[block] = 0x7F;
        using CompressedInput input = Feed(packed);
        Func<byte[]> unpack = () => Unpack(input, 4096);

        unpack.Should().Throw<CompressedDataException>().Which.Expected.Should().Contain("262144 bytes");
    }

    [Fact]
    public void What_no_kernel_unpacks_is_no_format()
    {
        Decoder.Detect([0x04, 0x22]).Should().BeNull("that is LZ4's newer format");
        Decoder.Detect("07"u8).Should().BeNull();
        Decoder.Detect([0x1F]).Should().BeNull();
    }

    private static CompressedInput Feed(byte[] bytes, int atOnce = int.MaxValue)
    {
        int taken = 0;
        return new CompressedInput(buffer =>
        {
            int count = Math.Min(Math.Min(buffer.Length, atOnce), bytes.Length - taken);
            bytes.AsSpan(taken, count).CopyTo(buffer);
            taken += count;
            return count;
        });
    }

    private static byte[] Unpack(CompressedInput input, int atOnce)
    {
        input.Fill(Decoder.MagicSize);
        using Decoder decoder = Decoder.Open(Decoder.Detect(input.Buffer)!.Value, input, Limit);
        var unpacked = new MemoryStream();
        byte[] buffer = new byte[Math.Min(atOnce, Limit)];
        int count;
        while ((count = decoder.Read(buffer)) > 0 && unpacked.Length < Limit)
            unpacked.Write(buffer, 0, count);
        return unpacked.ToArray();
    }

    private static byte[] Read(string name) => File.ReadAllBytes(Path.Combine(AppContext.BaseDirectory, "packed", name));
}
