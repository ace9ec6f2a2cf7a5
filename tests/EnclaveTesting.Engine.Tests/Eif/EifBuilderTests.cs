using System.Security.Cryptography;
using System.Security.Cryptography.X509Certificates;
using CsCheck;
using EnclaveTesting.Engine.Eif;

namespace EnclaveTesting.Engine.Tests.Eif;

public sealed class EifBuilderTests
{
    private static readonly EifMetadata Metadata = new(
        "hello",
        "1.0",
        new EifBuildMetadata("2026-01-02T03:04:05+00:00", "nitro-cli", "1.4.2", "Linux", "4.14.256"),
        """{"Architecture":"amd64","Size":18446744073709551615}""",
        """{"Größe":[1,2,{"a":null}]}""");

    [Fact]
    public void Writes_the_bytes_the_format_describes()
    {
        var raw = RawEif.Sample();
        byte[] built = Sample(raw).Build();
        built.Should().Equal(raw.Build());
    }

    [Fact]
    public void Lays_sections_out_in_AWS_order_without_gaps()
    {
        using var certificate = Certificates.Create(ECCurve.NamedCurves.nistP384, out var key);
        using (key)
        {
            using var image = EifImage.Load(Sample(RawEif.Sample()).WithMetadata(Metadata).WithSigning(certificate, key).Build());
            image.Sections.Select(section => section.Type).Should().Equal(
                EifSectionType.Kernel, EifSectionType.CommandLine, EifSectionType.Metadata,
                EifSectionType.Ramdisk, EifSectionType.Ramdisk, EifSectionType.Signature);
            long end = RawEif.HeaderSize;
            foreach (var section in image.Sections)
            {
                section.Offset.Should().Be(end + RawEif.SectionHeaderSize);
                end = section.Offset + section.Length;
            }
        }
    }

    [Fact]
    public void Build_parse_build_gives_equal_bytes()
    {
        byte[] first = Sample(RawEif.Sample()).WithArchitecture(EifArchitecture.Aarch64).WithMetadata(Metadata).Build();
        using var image = EifImage.Load(first);

        image.Metadata.Should().Be(Metadata);
        EifBuilder.From(image).Build().Should().Equal(first);
        EifBuilder.From(image).WithMetadata(image.Metadata!).Build().Should().Equal(first);
    }

    /// <summary>CsCheck prints the seed of a failing case; set CsCheck_Seed to run it again.</summary>
    [Fact]
    public void Any_image_that_is_built_reads_back_as_it_was_given()
    {
        var part = Gen.Byte.Array[0, 3000];
        Gen.Select(part, Gen.Char[' ', '~'].Array[0, 200], part.Array[1, 28], Gen.Bool, Gen.Long[0, long.MaxValue], Gen.Long[0, long.MaxValue]).Sample(
            (kernel, text, ramdisks, withMetadata, memory, cpus) =>
            {
                var builder = new EifBuilder().WithKernel(kernel).WithCommandLine(new string(text)).WithDefaultMemory(memory).WithDefaultCpus(cpus);
                if (withMetadata)
                    builder = builder.WithMetadata(Metadata);
                byte[] bytes = ramdisks.Aggregate(builder, (it, ramdisk) => it.AddRamdisk(ramdisk)).Build();

                using var image = EifImage.Read(new TrickleStream(bytes));
                image.Verify();
                image.Kernel.Data.SequenceEqual(kernel).Should().BeTrue();
                image.CommandLine.Should().Be(new string(text));
                image.DefaultMemory.Should().Be(memory);
                image.DefaultCpus.Should().Be(cpus);
                image.Ramdisks.Should().HaveCount(ramdisks.Length);
                for (int i = 0; i < ramdisks.Length; i++)
                    image.Ramdisks[i].Data.SequenceEqual(ramdisks[i]).Should().BeTrue();
                EifBuilder.From(image).Build().AsSpan().SequenceEqual(bytes).Should().BeTrue();
            },
            iter: 200,
            threads: 1);
    }

    [Fact]
    public async Task Every_way_of_writing_gives_the_same_bytes_and_measurements()
    {
        var directory = Directory.CreateTempSubdirectory("eif-builder-");
        try
        {
            var raw = RawEif.Sample();
            string kernel = Path.Combine(directory.FullName, "kernel");
            string ramdisk = Path.Combine(directory.FullName, "ramdisk");
            await File.WriteAllBytesAsync(kernel, raw.Sections[0].Data);
            await File.WriteAllBytesAsync(ramdisk, raw.Sections[2].Data);
            var builder = new EifBuilder()
                .WithKernel(kernel)
                .WithCommandLine("console=ttyS0 panic=1")
                .AddRamdisk(ramdisk)
                .AddRamdisk(raw.Sections[3].Data)
                .WithDefaultMemory(512L << 20)
                .WithDefaultCpus(3);

            var stream = new MemoryStream();
            var measurements = builder.Write(stream);
            var asyncStream = new MemoryStream();
            var asyncMeasurements = await builder.WriteAsync(asyncStream);

            stream.ToArray().Should().Equal(raw.Build());
            asyncStream.ToArray().Should().Equal(raw.Build());
            builder.Build().Should().Equal(raw.Build());
            using var image = EifImage.Load(raw.Build());
            measurements.Should().Be(image.Measurements);
            asyncMeasurements.Should().Be(image.Measurements);
        }
        finally
        {
            directory.Delete(recursive: true);
        }
    }

    [Fact]
    public void Says_what_is_missing()
    {
        new EifBuilder().Invoking(it => it.Build()).Should().Throw<InvalidOperationException>().WithMessage("*kernel*");
        new EifBuilder().WithKernel(new byte[1]).Invoking(it => it.Build()).Should().Throw<InvalidOperationException>().WithMessage("*ramdisk*");
        var many = Enumerable.Range(0, 31).Aggregate(new EifBuilder().WithKernel(new byte[1]), (it, _) => it.AddRamdisk(new byte[1]));
        many.Invoking(it => it.Build()).Should().Throw<InvalidOperationException>().WithMessage("*32*33*");
        new EifBuilder().Invoking(it => it.WithCommandLine("a\0b")).Should().Throw<ArgumentException>();
        new EifBuilder().Invoking(it => it.WithCommandLine(new string('a', 65537))).Should().Throw<ArgumentException>();
        new EifBuilder().Invoking(it => it.WithMetadata(Metadata with { DockerInfo = "{" })).Should().Throw<ArgumentException>().WithMessage("DockerInfo*");
        new EifBuilder().WithKernel("/nonexistent/kernel").AddRamdisk(new byte[1])
            .Invoking(it => it.Build()).Should().Throw<IOException>();
    }

    [Fact]
    public void Defaults_are_those_of_AWS()
    {
        using var image = EifImage.Load(new EifBuilder().WithKernel(new byte[1]).AddRamdisk(new byte[1]).Build());
        image.CommandLine.Should().Be("reboot=k panic=30 pci=off nomodules console=ttyS0 random.trust_cpu=on root=/dev/ram0");
        image.DefaultMemory.Should().Be(1L << 30);
        image.DefaultCpus.Should().Be(2);
    }

    private static EifBuilder Sample(RawEif raw) => new EifBuilder()
        .WithKernel(raw.Sections[0].Data)
        .WithCommandLine("console=ttyS0 panic=1")
        .AddRamdisk(raw.Sections[2].Data)
        .AddRamdisk(raw.Sections[3].Data)
        .WithDefaultMemory(512L << 20)
        .WithDefaultCpus(3);
}
