using System.Text.Json;
using EnclaveTesting.Engine.Eif;
using EnclaveTesting.Engine.Images;

namespace EnclaveTesting.Cli.Tests;

public sealed class BuildCommandTests : IDisposable
{
    private readonly TemporaryDirectory _directory = new();

    public BuildCommandTests()
    {
        _directory.Write("kernel", "the kernel");
        _directory.Write("ramdisk", "the boot ramdisk");
        _directory.Write("app", "the application");
    }

    public void Dispose() => _directory.Dispose();

    [Fact]
    public async Task Builds_an_image_from_ramdisks_reproducibly()
    {
        string[] args =
        [
            "build", "--kernel", _directory["kernel"], "--cmdline", "console=ttyS0", "--ramdisk", _directory["ramdisk"], "--ramdisk", _directory["app"],
            "--memory", "256", "--cpus", "4", "--name", "app", "--version", "3", "--metadata", """{"Team":"blue"}""", "--arch", "aarch64", "--output", _directory["a.eif"],
        ];
        var run = await CommandRun.OfAsync(args);

        run.Should().Match<CommandRun>(it => it.ExitCode == ExitCode.Ok && it.Error == "");
        byte[] first = File.ReadAllBytes(_directory["a.eif"]);
        using var image = EifImage.Load(first);
        image.Verify();
        image.Architecture.Should().Be(EifArchitecture.Aarch64);
        image.CommandLine.Should().Be("console=ttyS0");
        image.DefaultMemory.Should().Be(256 << 20);
        image.DefaultCpus.Should().Be(4);
        image.Ramdisks.Should().HaveCount(2);
        image.Ramdisks[1].Data.ToArray().Should().Equal("the application"u8.ToArray());
        image.Metadata.Should().Match<EifMetadata>(it => it.ImageName == "app" && it.ImageVersion == "3" && it.CustomMetadata == """{"Team":"blue"}""");
        using var json = JsonDocument.Parse(run.Output);
        json.RootElement.GetProperty("Measurements").GetProperty("PCR0").GetString().Should().Be(image.Measurements.Pcr0.ToString());

        (await CommandRun.OfAsync(args)).ExitCode.Should().Be(ExitCode.Ok);
        File.ReadAllBytes(_directory["a.eif"]).Should().Equal(first);
        _directory.Names.Should().Equal("a.eif", "app", "kernel", "ramdisk");
    }

    [Fact]
    public async Task Builds_an_image_from_a_root_file_system()
    {
        Directory.CreateDirectory(_directory["root/bin"]);
        File.WriteAllText(_directory["root/bin/server"], "binary");
        _directory.Write("init", "init binary");
        _directory.Write("vsock.ko", "module");
        _directory.Write("virtio.ko", "module");

        var run = await CommandRun.OfAsync("build", "--kernel", _directory["kernel"], "--root", _directory["root"], "--init", _directory["init"],
            "--module", _directory["vsock.ko"], "--module", _directory["virtio.ko"], "--command", "/bin/server", "--command", "--port=5000", "--env", "A=1", "--output", _directory["a.eif"]);

        run.Should().Match<CommandRun>(it => it.ExitCode == ExitCode.Ok && it.Error == "");
        using var image = EifImage.Open(_directory["a.eif"]);
        image.Verify();
        image.CommandLine.Should().Be(EifBuilder.DefaultCommandLine);
        image.Ramdisks.Should().HaveCount(2);
        System.Text.Encoding.ASCII.GetString(image.Ramdisks[0].Data).Should().StartWith("070701").And.Contain("init binary").And.NotContain("nsm.ko").And.Contain("/lib/modules/vsock.ko\n/lib/modules/virtio.ko\n");
        System.Text.Encoding.ASCII.GetString(image.Ramdisks[1].Data).Should().Contain("/bin/server\n--port=5000\n").And.Contain("A=1\n").And.Contain("rootfs/bin/server");
    }

    [Fact]
    public async Task Kernel_and_init_are_the_guest_kits_unless_given()
    {
        Directory.CreateDirectory(_directory["root/bin"]);
        File.WriteAllText(_directory["root/bin/server"], "binary");

        var fromRoot = await CommandRun.OfAsync("build", "--root", _directory["root"], "--command", "/bin/server", "--output", _directory["a.eif"]);
        var fromRamdisk = await CommandRun.OfAsync("build", "--ramdisk", _directory["ramdisk"], "--output", _directory["b.eif"]);
        var wrong = await CommandRun.OfAsync("build", "--ramdisk", _directory["ramdisk"], "--arch", "aarch64", "--output", _directory["c.eif"]);

        fromRoot.Should().Match<CommandRun>(it => it.ExitCode == ExitCode.Ok && it.Error == "");
        using var image = EifImage.Open(_directory["a.eif"]);
        image.Verify();
        image.Kernel.Data.SequenceEqual(GuestKit.Kernel.Span).Should().BeTrue();
        image.Ramdisks[0].Data.IndexOf(GuestKit.Init.Span).Should().BePositive();
        image.Metadata!.BuildMetadata!.KernelVersion.Should().Be(GuestKit.KernelVersion).And.MatchRegex(@"^6\.12\.\d+");
        fromRamdisk.ExitCode.Should().Be(ExitCode.Ok);
        using var other = EifImage.Open(_directory["b.eif"]);
        other.Kernel.Data.SequenceEqual(image.Kernel.Data).Should().BeTrue();
        wrong.Should().Match<CommandRun>(it => it.ExitCode == ExitCode.Usage && it.Error.Contains("The guest kit is for x86_64"));
        GuestKit.Licenses.Should().Contain("GNU General Public License");
    }

    [Fact]
    public async Task Builds_an_image_from_a_container_image()
    {
        Directory.CreateDirectory(_directory["image"]);
        Directory.CreateDirectory(_directory["layer/bin"]);
        _directory.Write("layer/bin/server", "binary");
        System.Formats.Tar.TarFile.CreateFromDirectory(_directory["layer"], _directory["image/layer.tar"], includeBaseDirectory: false);
        _directory.Write("image/manifest.json", """[{"Config":"config.json","Layers":["layer.tar"]}]""");
        _directory.Write("image/config.json", """{"architecture":"amd64","config":{"Cmd":["/bin/server"],"Env":["A=1"]}}""");
        _directory.Write("init", "init binary");
        string[] args = ["build", "--kernel", _directory["kernel"], "--oci", _directory["image"], "--init", _directory["init"], "--env", "B=2", "--output", _directory["a.eif"]];

        var run = await CommandRun.OfAsync(args);
        var wrong = await CommandRun.OfAsync([.. args, "--arch", "aarch64"]);

        run.Should().Match<CommandRun>(it => it.ExitCode == ExitCode.Ok && it.Error == "");
        using var image = EifImage.Open(_directory["a.eif"]);
        System.Text.Encoding.ASCII.GetString(image.Ramdisks[1].Data).Should().Contain("/bin/server\n").And.Contain("A=1\nB=2\n").And.Contain("rootfs/bin/server");
        wrong.Should().Match<CommandRun>(it => it.ExitCode == ExitCode.BadImage && it.Error.Contains("for amd64, not for arm64"));
    }

    [Fact]
    public async Task Builds_signs_and_extracts()
    {
        var key = SigningKey.Create();
        string certificate = _directory.Write("certificate.pem", key.CertificatePem);
        string privateKey = _directory.Write("key.pem", key.KeyPem);
        await CommandRun.OfAsync("build", "--kernel", _directory["kernel"], "--ramdisk", _directory["ramdisk"], "--output", _directory["a.eif"]);
        byte[] unsigned = File.ReadAllBytes(_directory["a.eif"]);

        var sign = await CommandRun.OfAsync("sign", _directory["a.eif"], "--signing-certificate", certificate, "--private-key", privateKey);
        sign.Should().Match<CommandRun>(it => it.ExitCode == ExitCode.Ok && it.Error == "");
        (await CommandRun.OfAsync("describe", _directory["a.eif"])).Output.Should().Contain("Signature    ok");
        var again = await CommandRun.OfAsync("sign", _directory["a.eif"], "--signing-certificate", certificate, "--private-key", privateKey, "-o", _directory["b.eif"]);
        again.Output.Should().Be(sign.Output, "signing again replaces the signature");
        using (var image = EifImage.Open(_directory["b.eif"]))
        {
            image.Signatures.Should().ContainSingle();
            EifBuilder.From(image).Build().Should().Equal(unsigned);
        }

        var extract = await CommandRun.OfAsync("extract", _directory["a.eif"], "-o", _directory["out"]);
        extract.ExitCode.Should().Be(ExitCode.Ok);
        Directory.GetFiles(_directory["out"]).Select(Path.GetFileName).Should().BeEquivalentTo("kernel", "cmdline", "ramdisk0", "metadata.json", "signature.cbor");
        File.ReadAllText(Path.Combine(_directory["out"], "kernel")).Should().Be("the kernel");
        File.ReadAllText(Path.Combine(_directory["out"], "cmdline")).Should().Be(EifBuilder.DefaultCommandLine);

        var twice = await CommandRun.OfAsync("extract", _directory["a.eif"], "-o", _directory["out"]);
        twice.ExitCode.Should().Be(ExitCode.Environment);
        Directory.GetFiles(_directory["out"]).Should().HaveCount(5);
    }

    [Fact]
    public async Task A_damaged_image_is_neither_signed_nor_extracted()
    {
        var key = SigningKey.Create();
        byte[] bytes = new EifBuilder().WithKernel(new byte[10]).AddRamdisk(new byte[10]).Build();
        bytes[^1] ^= 1;
        string image = _directory.Write("a.eif", bytes);

        var sign = await CommandRun.OfAsync("sign", image, "--signing-certificate", _directory.Write("c", key.CertificatePem), "--private-key", _directory.Write("k", key.KeyPem));
        var extract = await CommandRun.OfAsync("extract", image, "-o", _directory["out"]);

        sign.Should().Match<CommandRun>(it => it.ExitCode == ExitCode.BadImage && it.Error.Contains("CRC-32"));
        extract.Should().Match<CommandRun>(it => it.ExitCode == ExitCode.BadImage && it.Output == "");
        Directory.GetFiles(_directory["out"]).Should().BeEmpty();
        File.ReadAllBytes(image).Should().Equal(bytes);
    }

    [Theory]
    [InlineData("Give either --ramdisk, or --root or --oci.")]
    [InlineData("Give either --ramdisk, or --root or --oci.", "--ramdisk", "r", "--root", "d", "--init", "i", "--command", "c")]
    [InlineData("--root needs --command.", "--root", "d")]
    [InlineData("for another architecture give --kernel and --init", "--oci", "d", "--arch", "aarch64")]
    [InlineData("Give either --root or --oci.", "--oci", "d", "--root", "d")]
    [InlineData("--env goes with --root or --oci only.", "--ramdisk", "r", "--env", "A=1")]
    [InlineData("--gzip goes with --root or --oci only.", "--ramdisk", "r", "--gzip")]
    [InlineData("belong together", "--ramdisk", "r", "--private-key", "k")]
    [InlineData("--arch wants", "--ramdisk", "r", "--arch", "mips")]
    [InlineData("--memory wants a positive number.", "--ramdisk", "r", "--memory", "0")]
    [InlineData("--cpus wants a positive number.", "--ramdisk", "r", "--cpus", "many")]
    [InlineData("--metadata", "--ramdisk", "r", "--metadata", "{")]
    public async Task Wrong_usage_is_told(string message, params string[] args)
    {
        var run = await CommandRun.OfAsync(["build", "--output", _directory["a.eif"], .. args]);

        run.ExitCode.Should().Be(ExitCode.Usage);
        run.Error.Should().StartWith("enclave: ").And.Contain(message);
        _directory.Names.Should().NotContain("a.eif");
    }

    [Fact]
    public async Task A_failed_build_leaves_nothing_behind()
    {
        var run = await CommandRun.OfAsync("build", "--kernel", _directory["missing"], "--ramdisk", _directory["ramdisk"], "--output", _directory["a.eif"]);

        run.Should().Match<CommandRun>(it => it.ExitCode == ExitCode.Environment && it.Error.Contains("missing"));
        _directory.Names.Should().Equal("app", "kernel", "ramdisk");
    }

    [Fact]
    public async Task A_key_of_another_certificate_is_refused()
    {
        var run = await CommandRun.OfAsync("build", "--kernel", _directory["kernel"], "--ramdisk", _directory["ramdisk"], "--output", _directory["a.eif"],
            "--signing-certificate", _directory.Write("c", SigningKey.Create().CertificatePem), "--private-key", _directory.Write("k", SigningKey.Create().KeyPem));

        run.Should().Match<CommandRun>(it => it.ExitCode == ExitCode.Usage && it.Error.Contains("does not belong to the signing certificate"));
    }
}
