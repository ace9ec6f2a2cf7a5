using System.Buffers.Binary;
using CsCheck;
using EnclaveTesting.Engine.Eif;

namespace EnclaveTesting.Engine.Tests.Eif;

public sealed class EifMalformedTests
{
    /// <summary>An image with every kind of section, small enough to be tried at every byte.</summary>
    private static readonly byte[] Whole = CreateWhole();

    [Fact]
    public void Every_truncation_is_refused_where_the_image_ends()
    {
        for (int length = 0; length < Whole.Length; length++)
        {
            byte[] cut = Whole[..length];
            var error = Refusal(() => EifImage.Load(cut)).Should().NotBeNull("{0} of {1} bytes are not an image", length, Whole.Length).And.BeOfType<EifFormatException>().Which;
            error.Offset.Should().BeInRange(0, Whole.Length);
            error.Message.Should().Contain("<memory>").And.Contain(error.Expected).And.Contain(error.Found);
            Refusal(() => EifImage.Read(new TrickleStream(cut))).Should().NotBeNull().And.Match<EifFormatException>(it => it.Image == "<stream>");
        }
    }

    [Fact]
    public void A_truncated_file_leaves_nothing_open()
    {
        string path = Path.Combine(Path.GetTempPath(), Path.GetRandomFileName());
        try
        {
            File.WriteAllBytes(path, Whole[..^1]);
            Refusal(() => EifImage.Open(path)).Should().NotBeNull().And.Match<EifFormatException>(it => it.Image == path);
            new FileStream(path, FileMode.Open, FileAccess.ReadWrite, FileShare.None).Dispose();
        }
        finally
        {
            File.Delete(path);
        }
    }

    [Fact]
    public void Every_single_bit_flip_is_refused_or_found_by_the_CRC()
    {
        byte[] image = [.. Whole];
        for (int bit = 0; bit < 8 * image.Length; bit++)
        {
            image[bit / 8] ^= (byte)(1 << (bit % 8));
            Refusal(() =>
            {
                using var opened = EifImage.Load(image);
                opened.Verify();
            }).Should().NotBeNull("bit {0} of byte {1} was flipped", bit % 8, bit / 8);
            image[bit / 8] ^= (byte)(1 << (bit % 8));
        }
    }

    /// <summary>CsCheck prints the seed of a failing case; set CsCheck_Seed to run it again.</summary>
    [Fact]
    public void A_mutated_image_parses_or_is_refused_and_never_allocates_absurdly()
    {
        var position = Gen.Frequency((3, Gen.Int[0, RawEif.HeaderSize - 1]), (1, Gen.Int[0, Whole.Length - 1]));
        var mutation = Gen.Select(position, Gen.Frequency((2, Gen.Byte), (1, Gen.Int[0, 4].Select(i => new byte[] { 0, 1, 0x7f, 0x80, 0xff }[i]))));
        Gen.Select(mutation.Array[1, 12], Gen.Int[0, Whole.Length]).Sample(
            (mutations, length) =>
            {
                byte[] image = Whole[..Math.Max(length, Whole.Length / 2)];
                foreach (var (index, value) in mutations)
                {
                    if (index < image.Length)
                        image[index] = value;
                }

                long before = GC.GetAllocatedBytesForCurrentThread();
                Refusal(() =>
                {
                    using var opened = EifImage.Load(image);
                    opened.Measure();
                    opened.Signature?.Verify(opened.Measure(), DateTimeOffset.UtcNow);
                });
                Refusal(() => EifImage.Read(new TrickleStream(image)).Dispose());
                long allocated = GC.GetAllocatedBytesForCurrentThread() - before;
                allocated.Should().BeLessThan(8 * 1024 * 1024, "the image has {0} bytes", image.Length);
            },
            iter: 5_000,
            threads: 1);
    }

    /// <summary>Mutations inside the signature section only, with the CRC mended: its parsers see every one of them.</summary>
    [Fact]
    public void A_mutated_signature_is_judged_or_refused()
    {
        using var whole = EifImage.Load(Whole);
        var section = whole.Sections[^1];
        int verified = 0;
        Gen.Select(Gen.Int[0, section.Length - 1], Gen.Byte).Array[1, 6].Sample(
            mutations =>
            {
                byte[] image = [.. Whole];
                foreach (var (index, value) in mutations)
                    image[section.Offset + index] = value;
                BinaryPrimitives.WriteUInt32BigEndian(image.AsSpan(544), RawEif.Crc(image));
                bool changed = !image.AsSpan().SequenceEqual(Whole);
                Refusal(() =>
                {
                    using var opened = EifImage.Load(image);
                    var problems = opened.Signature!.Verify(opened.Verify(), DateTimeOffset.UtcNow);
                    if (changed && problems == EifSignatureProblems.None)
                        verified++;
                });
            },
            iter: 20_000,
            threads: 1);

        // Line breaks and the text around the certificate may change without harm; little else may.
        verified.Should().BeLessThan(1_000);
    }

    [Fact]
    public void A_stream_whose_header_promises_gigabytes_costs_what_it_delivers()
    {
        byte[] image = [.. Whole];
        int last = BinaryPrimitives.ReadUInt16BigEndian(image.AsSpan(26)) - 1;
        BinaryPrimitives.WriteUInt64BigEndian(image.AsSpan(284 + 8 * last), 0x7000_0000);

        long before = GC.GetAllocatedBytesForCurrentThread();
        var error = Refusal(() => EifImage.Read(new TrickleStream(image)));
        long allocated = GC.GetAllocatedBytesForCurrentThread() - before;

        error.Should().NotBeNull();
        error!.Message.Should().Contain("1879048192 bytes");
        allocated.Should().BeLessThan(4 * 1024 * 1024);
    }

    [Theory]
    [InlineData(0, "454c4649", 0, "magic")]
    [InlineData(4, "0003", 4, "version 3")]
    [InlineData(4, "0005", 4, "version 5")]
    [InlineData(6, "0002", 6, "0x0002")]
    [InlineData(6, "8001", 6, "0x8001")]
    [InlineData(8, "8000000000000000", 8, "memory")]
    [InlineData(16, "ffffffffffffffff", 16, "CPUs")]
    [InlineData(26, "0000", 26, "1 to 32 sections, found 0")]
    [InlineData(26, "0021", 26, "1 to 32 sections, found 33")]
    [InlineData(28, "0000000000000000", 28, "behind the header (548)")]
    [InlineData(28, "0000000000000223", 28, "behind the header (548)")]
    [InlineData(28, "ffffffffffffffff", 28, "18446744073709551615")]
    [InlineData(28, "7fffffffffffffff", 28, "9223372036854775807")]
    [InlineData(284, "7fffffffffffffff", 284, "less than 2 GiB")]
    [InlineData(284, "0000000080000000", 284, "less than 2 GiB")]
    [InlineData(548, "0000", 548, "type of section 0 other than 0")]
    [InlineData(548, "0002", 5560, "one section of type CommandLine")]
    [InlineData(550, "0001", 550, "flags 0x0000 of section 0, found 0x0001")]
    [InlineData(552, "0000000000000001", 552, "5000 bytes, found 1 bytes")]
    public void A_wrong_field_is_named(int offset, string bytes, long at, string message)
    {
        byte[] image = RawEif.Sample().Build();
        Convert.FromHexString(bytes).CopyTo(image, offset);
        var error = Refusal(() => EifImage.Load(image));

        error.Should().NotBeNull();
        error!.Offset.Should().Be(at);
        error.Message.Should().Contain(message);
    }

    [Fact]
    public void Overlapping_sections_are_refused()
    {
        byte[] image = RawEif.Sample().Build();
        ulong second = BinaryPrimitives.ReadUInt64BigEndian(image.AsSpan(36));
        BinaryPrimitives.WriteUInt64BigEndian(image.AsSpan(36), second - 1);

        var error = Refusal(() => EifImage.Load(image));

        error.Should().NotBeNull();
        error!.Offset.Should().Be(36);
        error.Message.Should().Contain("section 1 behind the end of section 0").And.Contain("overlap");
    }

    [Fact]
    public void Two_sections_at_one_place_are_refused()
    {
        var raw = RawEif.Sample();
        raw.Sections[2] = raw.Sections[3];
        byte[] image = raw.Build();
        image.AsSpan(28 + 8 * 2, 8).CopyTo(image.AsSpan(28 + 8 * 3));

        Refusal(() => EifImage.Load(image))!.Message.Should().Contain("overlap");
    }

    [Theory]
    [InlineData(1, "Kernel")]
    [InlineData(2, "CommandLine")]
    [InlineData(3, "Ramdisk")]
    public void A_missing_section_is_named(int type, string name)
    {
        var raw = RawEif.Sample();
        raw.Sections.RemoveAll(section => section.Type == type);

        Refusal(() => EifImage.Load(raw.Build()))!.Message.Should().Contain($"expected a section of type {name}");
    }

    [Theory]
    [InlineData(1)]
    [InlineData(2)]
    [InlineData(4)]
    [InlineData(5)]
    public void A_second_section_of_a_kind_is_refused(int type)
    {
        var raw = RawEif.Sample();
        byte[] data = type switch
        {
            4 => EifSignatureTests.SignatureSection(),
            5 => "{}"u8.ToArray(),
            _ => "abc"u8.ToArray(),
        };
        if (type > 3)
            raw.Add((ushort)type, data);
        raw.Add((ushort)type, data);

        Refusal(() => EifImage.Load(raw.Build()))!.Message.Should().Contain("a second one as section");
    }

    [Theory]
    [InlineData("6100", 1)]
    [InlineData("61ff62", 1)]
    [InlineData("6162c3", 2)]
    public void A_command_line_that_is_no_text_is_refused(string hex, int at)
    {
        var raw = RawEif.Sample();
        raw.Sections[1] = new RawEif.Section(2, Convert.FromHexString(hex), 0);

        var error = Refusal(() => EifImage.Load(raw.Build()));

        error.Should().NotBeNull();
        error!.Offset.Should().Be(RawEif.HeaderSize + 2 * RawEif.SectionHeaderSize + 5000 + at);
    }

    [Fact]
    public void A_command_line_of_absurd_length_is_refused()
    {
        var raw = RawEif.Sample();
        raw.Sections[1] = new RawEif.Section(2, [.. Enumerable.Repeat((byte)'a', 65537)], 0);

        Refusal(() => EifImage.Load(raw.Build()))!.Message.Should().Contain("at most 65536 bytes, found 65537 bytes");
    }

    [Theory]
    [InlineData("")]
    [InlineData("[]")]
    [InlineData("{")]
    [InlineData("{} x")]
    [InlineData("""{"ImageName":1}""")]
    [InlineData("""{"BuildMetadata":[]}""")]
    [InlineData("""{"ImageName":"\ud800"}""")]
    public void Metadata_that_is_no_such_JSON_is_refused(string json)
    {
        byte[] image = RawEif.Sample().Add(5, System.Text.Encoding.UTF8.GetBytes(json)).Build();

        Refusal(() => EifImage.Load(image))!.Message.Should().Contain("expected metadata as a JSON object");
    }

    [Fact]
    public void Deeply_nested_metadata_is_refused()
    {
        byte[] image = RawEif.Sample().Add(5, System.Text.Encoding.UTF8.GetBytes("""{"CustomMetadata":""" + new string('[', 100_000))).Build();

        Refusal(() => EifImage.Load(image)).Should().NotBeNull();
    }

    [Fact]
    public void Missing_metadata_fields_are_empty()
    {
        using var image = EifImage.Load(RawEif.Sample().Add(5, """{"ImageName":"n","Other":[1]}"""u8.ToArray()).Build());
        image.Metadata.Should().Be(new EifMetadata("n", "", new EifBuildMetadata()));
    }

    /// <summary>The refusal, or null; any other exception fails the test.</summary>
    private static EifFormatException? Refusal(Action action)
    {
        try
        {
            action();
            return null;
        }
        catch (EifFormatException exception)
        {
            return exception;
        }
    }

    private static byte[] CreateWhole()
    {
        using var certificate = Certificates.Create(System.Security.Cryptography.ECCurve.NamedCurves.nistP256, out var key);
        using (key)
        {
            return new EifBuilder()
                .WithKernel(RawEif.Bytes(1, 40))
                .WithCommandLine("quiet")
                .AddRamdisk(RawEif.Bytes(2, 30))
                .AddRamdisk(RawEif.Bytes(3, 20))
                .WithMetadata(new EifMetadata("name", "1", new EifBuildMetadata("t", "b", "1", "Linux", "6"), "{}", "{}"))
                .WithSigning(certificate, key)
                .Build();
        }
    }
}
