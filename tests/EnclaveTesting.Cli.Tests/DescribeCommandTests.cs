using System.Text.Json;
using EnclaveTesting.Engine.Eif;

namespace EnclaveTesting.Cli.Tests;

public sealed class DescribeCommandTests : IDisposable
{
    private static readonly EifBuilder Builder = new EifBuilder()
        .WithKernel(new byte[] { 1, 2, 3 })
        .WithCommandLine("console=ttyS0")
        .AddRamdisk(new byte[] { 4, 5 })
        .AddRamdisk(new byte[] { 6 })
        .WithMetadata(new EifMetadata("hello", "1.2", new EifBuildMetadata("2026-01-02T03:04:05+00:00", "nitro-cli", "1.4.2", "Linux", "4.14.256"), """{"Architecture":"amd64"}""", """{"Team":"blue"}"""));

    private readonly TemporaryDirectory _directory = new();

    public void Dispose() => _directory.Dispose();

    [Fact]
    public async Task Prints_the_fields_of_nitro_cli()
    {
        byte[] bytes = Builder.Build();
        using var image = EifImage.Load(bytes);
        var run = await CommandRun.OfAsync("describe", _directory.Write("a.eif", bytes), "--json");

        run.ExitCode.Should().Be(ExitCode.Ok);
        run.Error.Should().BeEmpty();
        using var json = JsonDocument.Parse(run.Output);
        var root = json.RootElement;
        root.EnumerateObject().Select(property => property.Name).Should().Equal(
            "EifVersion", "Measurements", "IsSigned", "CheckCRC", "ImageName", "ImageVersion", "Metadata",
            "Architecture", "DefaultMemory", "DefaultCpus", "CommandLine", "Sections");
        root.GetProperty("EifVersion").GetInt32().Should().Be(4);
        root.GetProperty("Measurements").EnumerateObject().Select(property => (property.Name, property.Value.GetString())).Should().Equal(
            ("HashAlgorithm", "Sha384 { ... }"),
            ("PCR0", image.Measurements.Pcr0.ToString()),
            ("PCR1", image.Measurements.Pcr1.ToString()),
            ("PCR2", image.Measurements.Pcr2.ToString()));
        root.GetProperty("IsSigned").GetBoolean().Should().BeFalse();
        root.GetProperty("CheckCRC").GetBoolean().Should().BeTrue();
        root.GetProperty("ImageName").GetString().Should().Be("hello");
        root.GetProperty("ImageVersion").GetString().Should().Be("1.2");
        root.GetProperty("Metadata").EnumerateObject().Select(property => (property.Name, property.Value.GetRawText())).Should().Equal(
            ("BuildTime", "\"2026-01-02T03:04:05+00:00\""), ("BuildTool", "\"nitro-cli\""), ("BuildToolVersion", "\"1.4.2\""),
            ("OperatingSystem", "\"Linux\""), ("KernelVersion", "\"4.14.256\""), ("DockerInfo", """{"Architecture":"amd64"}"""), ("Team", "\"blue\""));
        root.GetProperty("Architecture").GetString().Should().Be("x86_64");
        root.GetProperty("Sections").EnumerateArray().Select(section => section.GetProperty("Type").GetString()).Should().Equal(
            "Kernel", "CommandLine", "Metadata", "Ramdisk", "Ramdisk");
    }

    [Fact]
    public async Task Describes_the_signature_as_openssl_would()
    {
        var key = SigningKey.Create();
        var run = await CommandRun.OfAsync("describe", _directory.Write("a.eif", Builder.WithSigning(key.CertificatePem, key.KeyPem).Build()), "--json");

        run.ExitCode.Should().Be(ExitCode.Ok);
        using var json = JsonDocument.Parse(run.Output);
        json.RootElement.GetProperty("IsSigned").GetBoolean().Should().BeTrue();
        json.RootElement.GetProperty("SignatureCheck").GetBoolean().Should().BeTrue();
        json.RootElement.GetProperty("Measurements").GetProperty("PCR8").GetString().Should().HaveLength(96);
        var certificate = json.RootElement.GetProperty("SigningCertificate");
        certificate.GetProperty("IssuerName").GetRawText().ReplaceLineEndings("").Replace(" ", "").Should().Be("""{"commonName":"signer","countryName":"US","organizationName":"Example"}""");
        certificate.GetProperty("Algorithm").GetString().Should().Be("ecdsa-with-SHA384");
        certificate.GetProperty("NotBefore").GetString().Should().Be("Apr  8 13:20:34 2021 GMT");
        certificate.GetProperty("NotAfter").GetString().Should().Be("Apr 18 13:20:34 2121 GMT");
        certificate.GetProperty("Signature").GetString().Should().MatchRegex("^30:[0-9A-F]{2}(:[0-9A-F]{2})+$");
    }

    [Fact]
    public async Task Prints_text_for_people()
    {
        var key = SigningKey.Create();
        byte[] bytes = Builder.WithSigning(key.CertificatePem, key.KeyPem).Build();
        using var image = EifImage.Load(bytes);
        string path = _directory.Write("a.eif", bytes);

        var run = await CommandRun.OfAsync("describe", path);

        run.ExitCode.Should().Be(ExitCode.Ok);
        string[] lines = run.Output.Split('\n', StringSplitOptions.TrimEntries);
        lines.Should().Contain($"Image        {path}").And.Contain("Version      EIF 4, x86_64").And.Contain("Defaults     1024 MiB, 2 CPUs")
            .And.Contain("Command line console=ttyS0").And.Contain($"CRC-32       0x{image.Crc32:x8}, ok")
            .And.Contain($"PCR0         {image.Measurements.Pcr0}").And.Contain($"PCR8         {image.Measurements.Pcr8}")
            .And.Contain("Signature    ok").And.Contain("Name         hello 1.2");
        run.Output.Should().NotContain("\u001b", "it is no terminal");
    }

    [Fact]
    public async Task Text_from_the_image_does_not_reach_the_terminal_as_control()
    {
        var run = await CommandRun.OfAsync("describe", _directory.Write("a.eif", Builder
            .WithMetadata(new EifMetadata("\u001b[2J[red]", "", new EifBuildMetadata())).Build()));

        run.ExitCode.Should().Be(ExitCode.Ok);
        run.Output.Should().NotContain("\u001b").And.Contain("\uFFFD[2J[red]");
    }

    [Fact]
    public async Task A_wrong_CRC_is_shown_and_makes_the_run_fail()
    {
        byte[] bytes = Builder.Build();
        bytes[^1] ^= 1;
        string path = _directory.Write("a.eif", bytes);

        var json = await CommandRun.OfAsync("describe", path, "--json");
        var text = await CommandRun.OfAsync("describe", path);

        json.ExitCode.Should().Be(ExitCode.BadImage);
        JsonDocument.Parse(json.Output).RootElement.GetProperty("CheckCRC").GetBoolean().Should().BeFalse();
        json.Error.Should().StartWith($"enclave: {path}: the CRC is wrong: the header says 0x").And.EndWith(Environment.NewLine);
        text.ExitCode.Should().Be(ExitCode.BadImage);
        text.Output.Should().Contain("WRONG");
    }

    [Fact]
    public async Task An_expired_certificate_makes_the_run_fail()
    {
        var key = SigningKey.Create(new DateTimeOffset(2022, 1, 1, 0, 0, 0, TimeSpan.Zero));
        var run = await CommandRun.OfAsync("describe", _directory.Write("a.eif", Builder.WithSigning(key.CertificatePem, key.KeyPem).Build()), "--json");

        run.ExitCode.Should().Be(ExitCode.BadImage);
        run.Error.Should().Contain("CertificateExpired");
        JsonDocument.Parse(run.Output).RootElement.GetProperty("SignatureCheck").GetBoolean().Should().BeFalse();
    }

    [Fact]
    public async Task What_is_no_image_gives_one_line_and_no_output()
    {
        string path = _directory.Write("a.eif", "ELF, perhaps");
        var run = await CommandRun.OfAsync("describe", path);

        run.ExitCode.Should().Be(ExitCode.BadImage);
        run.Output.Should().BeEmpty();
        run.Error.Should().Be($"enclave: {path}: not a valid EIF at offset 0 (0x0): expected the magic number \".eif\" (2e656966), found 454c462c.{Environment.NewLine}");
    }

    [Fact]
    public async Task A_missing_file_gives_one_line()
    {
        var run = await CommandRun.OfAsync("describe", _directory["missing.eif"]);

        run.ExitCode.Should().Be(ExitCode.Environment);
        run.Error.TrimEnd().Should().StartWith("enclave: ").And.Contain("missing.eif").And.NotContain("\n");
    }

    [Fact]
    public async Task A_directory_is_named_as_one()
    {
        var run = await CommandRun.OfAsync("describe", Path.GetTempPath());

        run.ExitCode.Should().Be(ExitCode.Environment);
        run.Error.Should().Contain("is a directory, not an enclave image");
    }

    [Theory]
    [InlineData("describe")]
    [InlineData("describe", "a", "b")]
    [InlineData("describe", "a", "--bogus")]
    [InlineData("bogus")]
    [InlineData]
    public async Task Wrong_usage_is_told_apart(params string[] args)
    {
        var run = await CommandRun.OfAsync(args);

        run.ExitCode.Should().Be(ExitCode.Usage);
        run.Output.Should().BeEmpty();
        run.Error.Should().StartWith("enclave: ").And.Contain("--help");
    }

    [Theory]
    [InlineData("--help")]
    [InlineData("describe", "--help")]
    [InlineData("build", "--help")]
    [InlineData("sign", "--help")]
    [InlineData("extract", "--help")]
    public async Task Help_documents_the_exit_codes(params string[] args)
    {
        var run = await CommandRun.OfAsync(args);

        run.ExitCode.Should().Be(ExitCode.Ok);
        run.Output.ReplaceLineEndings(" ").Should().Contain("Exit codes: 0 done; 1 the image is bad");
    }
}
