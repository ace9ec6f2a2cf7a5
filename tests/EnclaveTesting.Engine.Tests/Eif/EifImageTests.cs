using System.Buffers.Binary;
using System.Security.Cryptography;
using System.Text;
using EnclaveTesting.Engine.Eif;

namespace EnclaveTesting.Engine.Tests.Eif;

public sealed class EifImageTests : IDisposable
{
    private readonly DirectoryInfo _directory = Directory.CreateTempSubdirectory("eif-tests-");

    public void Dispose() => _directory.Delete(recursive: true);

    [Fact]
    public void Reads_what_the_format_says()
    {
        var raw = RawEif.Sample();
        using var image = EifImage.Load(raw.Build());

        image.Version.Should().Be(4);
        image.Architecture.Should().Be(EifArchitecture.X86_64);
        image.DefaultMemory.Should().Be(512L << 20);
        image.DefaultCpus.Should().Be(3);
        image.CommandLine.Should().Be("console=ttyS0 panic=1");
        image.Kernel.Data.SequenceEqual(raw.Sections[0].Data).Should().BeTrue();
        image.Ramdisks.Should().HaveCount(2);
        image.Ramdisks[1].Data.SequenceEqual(raw.Sections[3].Data).Should().BeTrue();
        image.Sections.Select(section => section.Type).Should().Equal(
            EifSectionType.Kernel, EifSectionType.CommandLine, EifSectionType.Ramdisk, EifSectionType.Ramdisk);
        image.Metadata.Should().BeNull();
        image.Signature.Should().BeNull();
        image.Name.Should().Be("<memory>");
    }

    [Fact]
    public void Reads_an_aarch64_image()
    {
        var raw = RawEif.Sample();
        raw.Flags = 1;
        using var image = EifImage.Load(raw.Build());
        image.Architecture.Should().Be(EifArchitecture.Aarch64);
    }

    [Fact]
    public void Measures_as_the_formula_says()
    {
        var raw = RawEif.Sample();
        using var image = EifImage.Load(raw.Build());
        var kernel = raw.Sections[0].Data;
        var commandLine = raw.Sections[1].Data;
        var first = raw.Sections[2].Data;
        var second = raw.Sections[3].Data;

        var measurements = image.Verify();

        measurements.Pcr0.ToString().Should().Be(Pcr(kernel, commandLine, first, second));
        measurements.Pcr1.ToString().Should().Be(Pcr(kernel, commandLine, first));
        measurements.Pcr2.ToString().Should().Be(Pcr(second));
        measurements.Pcr8.Should().BeNull();
        measurements.Crc32.Should().Be(image.Crc32);
        image.Measurements.Should().Be(measurements);
    }

    /// <summary>Large application ramdisks are hashed by two threads, in chunks.</summary>
    [Theory]
    [InlineData(256 * 1024)]
    [InlineData(256 * 1024 + 1)]
    [InlineData(1_300_000)]
    public void Large_ramdisks_measure_as_the_formula_says(int length)
    {
        var raw = RawEif.Sample();
        raw.Sections[3] = new RawEif.Section(3, RawEif.Bytes(9, length), 0);
        raw.Add(3, RawEif.Bytes(10, length / 2));
        using var image = EifImage.Open(Write(raw.Build()));
        byte[][] data = [.. raw.Sections.Select(section => section.Data)];

        var measurements = image.Verify();

        measurements.Pcr0.ToString().Should().Be(Pcr(data));
        measurements.Pcr1.ToString().Should().Be(Pcr(data[..3]));
        measurements.Pcr2.ToString().Should().Be(Pcr(data[3..]));
    }

    /// <summary>This PCR2 is what nitro-cli and QEMU report for every image with one ramdisk.</summary>
    [Fact]
    public void One_ramdisk_gives_the_well_known_empty_PCR2()
    {
        var raw = RawEif.Sample();
        raw.Sections.RemoveAt(3);
        using var image = EifImage.Load(raw.Build());

        image.Measurements.Pcr2.ToString().Should().Be(
            "21b9efbc184807662e966d34f390821309eeac6802309798826296bf3e8bec7c10edb30948c90ba67310f7b964fc500a");
        image.Measurements.Pcr1.Should().Be(image.Measurements.Pcr0);
    }

    [Theory]
    [InlineData(false, 0)]
    [InlineData(false, 17)]
    [InlineData(true, 0)]
    [InlineData(true, 5)]
    public void Any_order_of_sections_gives_the_same_PCRs(bool reversed, int gap)
    {
        var sample = RawEif.Sample();
        using var usual = EifImage.Load(sample.Build());
        foreach (var order in Permutations([0, 1, 2, 3]).Where(order => order.IndexOf(2) < order.IndexOf(3)))
        {
            var raw = new RawEif { Reversed = reversed, Gap = gap };
            raw.Sections.AddRange(order.Select(index => sample.Sections[index]));
            using var image = EifImage.Load(raw.Build());

            var measurements = image.Verify();
            (measurements with { Crc32 = 0 }).Should().Be(usual.Measurements with { Crc32 = 0 }, "order {0}", string.Join(",", order));
        }
    }

    [Theory]
    [InlineData(6)]
    [InlineData(999)]
    [InlineData(0xffff)]
    public void A_section_of_unknown_type_counts_into_the_CRC_only(int type)
    {
        using var plain = EifImage.Load(RawEif.Sample().Build());
        var bytes = RawEif.Sample().Add((ushort)type, [1, 2, 3]).Build();
        using var image = EifImage.Load(bytes);

        (image.Verify() with { Crc32 = 0 }).Should().Be(plain.Verify() with { Crc32 = 0 });
        image.Sections[^1].Type.Should().Be((EifSectionType)type);
        bytes[^1] ^= 1;
        image.Invoking(it => it.Verify()).Should().Throw<EifFormatException>().Which.Offset.Should().Be(544);
    }

    [Fact]
    public void An_empty_ramdisk_is_a_ramdisk()
    {
        var raw = RawEif.Sample();
        raw.Sections[2] = new RawEif.Section(3, [], 0);
        using var image = EifImage.Load(raw.Build());

        image.Ramdisks[0].Length.Should().Be(0);
        image.Ramdisks[0].Data.IsEmpty.Should().BeTrue();
        image.Measurements.Pcr1.ToString().Should().Be(Pcr(raw.Sections[0].Data, raw.Sections[1].Data));
    }

    [Fact]
    public void Verifying_hands_out_every_byte_once_kernel_first()
    {
        var raw = new RawEif { Reversed = true }
            .Add(5, """{"ImageName":"n"}"""u8.ToArray())
            .Add(3, RawEif.Bytes(1, 700_000))
            .Add(1, RawEif.Bytes(2, 300_000))
            .Add(3, RawEif.Bytes(3, 100))
            .Add(2, "quiet"u8.ToArray());
        string path = Write(raw.Build());
        using var image = EifImage.Open(path);
        var seen = new List<(int Index, MemoryStream Bytes)>();

        image.Verify((section, offset, chunk) =>
        {
            if (seen.Count == 0 || seen[^1].Index != section.Index)
                seen.Add((section.Index, new MemoryStream()));
            offset.Should().Be(seen[^1].Bytes.Length);
            seen[^1].Bytes.Write(chunk);
        });

        seen.Select(entry => entry.Index).Should().Equal(2, 4, 1, 3, 0);
        foreach (var (index, bytes) in seen)
            bytes.ToArray().Should().Equal(raw.Sections[index].Data);
    }

    [Fact]
    public void A_file_a_stream_and_memory_read_alike()
    {
        byte[] bytes = RawEif.Sample().Build();
        string path = Write(bytes);
        using var memory = EifImage.Load(bytes);
        using var file = EifImage.Open(path);
        using var stream = EifImage.Read(new TrickleStream(bytes));

        file.Name.Should().Be(path);
        file.Measurements.Should().Be(memory.Measurements);
        stream.Measurements.Should().Be(memory.Measurements);
        file.Kernel.Data.SequenceEqual(memory.Kernel.Data).Should().BeTrue();
        var part = new byte[10];
        file.Kernel.Read(4990, part);
        part.Should().Equal(memory.Kernel.Data[4990..].ToArray());
        file.Kernel.Invoking(kernel => kernel.Read(4991, new byte[10])).Should().Throw<ArgumentOutOfRangeException>();
    }

    [Fact]
    public async Task A_stream_is_read_up_to_the_end_of_the_last_section_and_no_further()
    {
        byte[] bytes = RawEif.Sample().Build();
        var stream = new TrickleStream([.. bytes, 1, 2, 3]);
        using var image = await EifImage.ReadAsync(stream);
        using var reference = EifImage.Load(bytes);

        image.Measurements.Should().Be(reference.Measurements);
        stream.Rest.Should().Be(3);
    }

    /// <summary>As a shell's "describe &lt;(curl ...)" does.</summary>
    [PipeFact]
    public async Task A_pipe_is_read_like_a_stream()
    {
        byte[] bytes = RawEif.Sample().Build();
        using var server = new System.IO.Pipes.AnonymousPipeServerStream(System.IO.Pipes.PipeDirection.Out, HandleInheritability.None);
        string path = $"/proc/self/fd/{server.ClientSafePipeHandle.DangerousGetHandle()}";
        var writing = Task.Run(async () =>
        {
            await server.WriteAsync(bytes);
            server.SafePipeHandle.Dispose(); // The reading end stays: its path must be there whenever the image is opened.
        });

        using var image = EifImage.Open(path);
        await writing;

        image.Name.Should().Be(path);
        image.Verify().Crc32.Should().Be(image.Crc32);
        image.Kernel.Data.Length.Should().Be(5000);
    }

    [Fact]
    public void A_disposed_image_throws_and_memory_handed_out_stays()
    {
        string path = Write(RawEif.Sample().Build());
        foreach (var image in new[] { EifImage.Open(path), EifImage.Load(File.ReadAllBytes(path)) })
        {
            var kernel = image.Kernel.Data;
            byte first = kernel[0];
            image.Dispose();
            image.Dispose();

            kernel[0].Should().Be(first);
            image.Invoking(it => it.Kernel.Memory).Should().Throw<ObjectDisposedException>();
            image.Invoking(it => it.Kernel.Read(0, new byte[1])).Should().Throw<ObjectDisposedException>();
            image.Invoking(it => it.Verify()).Should().Throw<ObjectDisposedException>();
            image.Invoking(it => it.Measure()).Should().Throw<ObjectDisposedException>();
            image.CommandLine.Should().NotBeEmpty();
        }
    }

    [Fact]
    public void An_image_disposed_while_it_is_verified_throws()
    {
        using var image = EifImage.Open(Write(RawEif.Sample().Build()));

        image.Invoking(it => it.Verify((_, _, _) => it.Dispose())).Should().Throw<ObjectDisposedException>();
    }

    [Fact]
    public void A_file_truncated_while_open_is_an_exception_and_not_a_crash()
    {
        string path = Write(RawEif.Sample().Build());
        using var image = EifImage.Open(path);
        using (var file = new FileStream(path, FileMode.Open, FileAccess.Write, FileShare.ReadWrite | FileShare.Delete))
        {
            file.SetLength(2000);
        }

        var error = image.Invoking(it => it.Verify()).Should().Throw<EifFormatException>().Which;
        error.Image.Should().Be(path);
        error.Offset.Should().Be(2000);
        error.Message.Should().Contain("truncated since it was opened").And.Contain(path).And.Contain("2000");
    }

    private static string Pcr(params byte[][] parts)
    {
        byte[] inner = SHA384.HashData(parts.SelectMany(part => part).ToArray());
        return Convert.ToHexString(SHA384.HashData([.. new byte[48], .. inner])).ToLowerInvariant();
    }

    private static IEnumerable<List<int>> Permutations(List<int> items) => items.Count == 0
        ? [[]]
        : items.SelectMany(item => Permutations([.. items.Where(other => other != item)]).Select(rest => (List<int>)[item, .. rest]));

    private string Write(byte[] bytes)
    {
        string path = Path.Combine(_directory.FullName, Path.GetRandomFileName() + ".eif");
        File.WriteAllBytes(path, bytes);
        return path;
    }
}
