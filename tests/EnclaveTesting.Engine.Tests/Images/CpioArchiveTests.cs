using System.Formats.Tar;
using System.IO.Compression;
using System.Text;
using EnclaveTesting.Engine.Images;

namespace EnclaveTesting.Engine.Tests.Images;

public sealed class CpioArchiveTests : IDisposable
{
    private readonly DirectoryInfo _directory = Directory.CreateTempSubdirectory("cpio-tests-");

    public void Dispose() => _directory.Delete(recursive: true);

    [Fact]
    public void Writes_every_kind_of_entry()
    {
        var archive = new CpioArchive()
            .AddFile("/init", "#!/bin/sh\n", (UnixFileMode)0b111_101_101)
            .AddDirectory("tmp", (UnixFileMode)0b1_111_111_111)
            .AddSymbolicLink("bin/sh", "busybox")
            .AddCharacterDevice("dev/console", 5, 1)
            .AddBlockDevice("dev/ram0", 1, 0, (UnixFileMode)0b110_110_000)
            .AddFile("empty", ReadOnlyMemory<byte>.Empty);

        var entries = CpioReader.Read(archive.Build());

        entries.Select(entry => (entry.Name, Convert.ToString(entry.Mode, 8))).Should().Equal(
            ("bin", "40755"), ("bin/sh", "120777"), ("dev", "40755"), ("dev/console", "20600"), ("dev/ram0", "60660"),
            ("empty", "100644"), ("init", "100755"), ("tmp", "41777"));
        entries.Single(entry => entry.Name == "bin/sh").Text.Should().Be("busybox");
        entries.Single(entry => entry.Name == "init").Text.Should().Be("#!/bin/sh\n");
        entries.Single(entry => entry.Name == "dev/console").Should().Match<CpioReader.Entry>(entry => entry.Major == 5 && entry.Minor == 1);
        entries.Select(entry => entry.Inode).Should().OnlyHaveUniqueItems();
        entries.Should().OnlyContain(entry => entry.Uid == 0 && entry.Gid == 0);
        archive.Paths.Should().Contain("dev/console");
    }

    [Theory]
    [InlineData(0)]
    [InlineData(1)]
    [InlineData(2)]
    [InlineData(3)]
    [InlineData(5)]
    [InlineData(300_001)]
    public void Pads_names_and_data_of_any_length(int length)
    {
        byte[] content = [.. Enumerable.Range(0, length).Select(i => (byte)i)];
        var archive = new CpioArchive();
        for (int name = 1; name < 9; name++)
            archive.AddFile(new string('n', name), content);

        CpioReader.Read(archive.Build()).Should().HaveCount(8).And.OnlyContain(entry => entry.Data.SequenceEqual(content));
        (archive.Build().Length % 4).Should().Be(0, "the kernel wants archives that follow each other aligned");
    }

    [Fact]
    public void The_order_of_adding_does_not_matter()
    {
        byte[] first = new CpioArchive().AddFile("a", "1").AddFile("b/c", "2").AddDirectory("b").Build();
        byte[] second = new CpioArchive().AddDirectory("b").AddFile("b/c", "2").AddFile("a", "1").Build();

        second.Should().Equal(first);
    }

    [Fact]
    public void Compresses_with_gzip_reproducibly()
    {
        var archive = new CpioArchive().AddFile("text", new string('x', 10_000));
        byte[] packed = archive.Build(RamdiskCompression.Gzip);

        packed.Should().Equal(archive.Build(RamdiskCompression.Gzip)).And.HaveCountLessThan(1000);
        using var plain = new MemoryStream();
        using (var gzip = new GZipStream(new MemoryStream(packed), CompressionMode.Decompress))
            gzip.CopyTo(plain);
        plain.ToArray().Should().Equal(archive.Build());
    }

    [Theory]
    [InlineData("")]
    [InlineData("/")]
    [InlineData("a/../b")]
    [InlineData("..")]
    [InlineData("a\0b")]
    public void Refuses_paths_that_lead_outside(string path) =>
        new CpioArchive().Invoking(archive => archive.AddFile(path, "x")).Should().Throw<ArgumentException>();

    [Fact]
    public void Refuses_a_path_that_is_taken()
    {
        var archive = new CpioArchive().AddFile("a", "1").AddDirectory("d");

        archive.Invoking(it => it.AddFile("/a", "2")).Should().Throw<ArgumentException>().WithMessage("/a is in the ramdisk already*");
        archive.Invoking(it => it.AddFile("a/b", "2")).Should().Throw<ArgumentException>().WithMessage("*/a is not a directory*");
        archive.Invoking(it => it.AddFile("d", "2")).Should().Throw<ArgumentException>();
    }

    [Fact]
    public void Takes_a_tree_of_the_host()
    {
        string root = Path.Combine(_directory.FullName, "tree");
        Directory.CreateDirectory(Path.Combine(root, "sub"));
        File.WriteAllText(Path.Combine(root, "sub", "file"), "content");
        File.CreateSymbolicLink(Path.Combine(root, "link"), "sub/file");
        Directory.CreateSymbolicLink(Path.Combine(root, "dangling"), "/nowhere");
        File.CreateSymbolicLink(Path.Combine(root, "sub", "loop"), "..");

        var entries = CpioReader.Read(new CpioArchive().AddHostTree(root, "/rootfs/").Build());

        entries.Select(entry => entry.Name).Should().Equal("rootfs", "rootfs/dangling", "rootfs/link", "rootfs/sub", "rootfs/sub/file", "rootfs/sub/loop");
        entries[1].Text.Should().Be("/nowhere");
        entries[2].Text.Should().Be("sub/file");
        entries[4].Text.Should().Be("content");
        new CpioArchive().Invoking(it => it.AddHostTree(root + "-missing")).Should().Throw<DirectoryNotFoundException>();
    }

    /// <summary>Opening a FIFO would wait for a writer.</summary>
    [Eif.PipeFact]
    public void Takes_special_files_of_the_host_without_opening_them()
    {
        File.WriteAllText(Path.Combine(_directory.FullName, "empty"), "");
        using (var make = System.Diagnostics.Process.Start("mkfifo", [Path.Combine(_directory.FullName, "fifo")]))
            make.WaitForExit();

        var entries = CpioReader.Read(new CpioArchive().AddHostTree(_directory.FullName).Build());

        entries.Single(entry => entry.Name == "empty").Should().Match<CpioReader.Entry>(entry => entry.Mode >> 12 == 8 && entry.Data.Length == 0);
        (entries.Single(entry => entry.Name == "fifo").Mode >> 12).Should().Be(1);
    }

    [Fact]
    public void A_host_file_that_is_gone_when_the_archive_is_written_is_an_IO_error()
    {
        var archive = new CpioArchive().AddHostFile("a", Path.Combine(_directory.FullName, "missing"));
        archive.Invoking(it => it.Build()).Should().Throw<FileNotFoundException>();
    }

    [Theory]
    [InlineData(false)]
    [InlineData(true)]
    public void Takes_a_tar_archive(bool compressed)
    {
        byte[] tar = Tar(
            new PaxTarEntry(TarEntryType.Directory, "./etc/") { Mode = (UnixFileMode)0b111_000_000, Uid = 5, Gid = 6 },
            new PaxTarEntry(TarEntryType.RegularFile, "etc/passwd") { DataStream = new MemoryStream("root"u8.ToArray()) },
            new PaxTarEntry(TarEntryType.HardLink, "etc/copy") { LinkName = "etc/passwd" },
            new PaxTarEntry(TarEntryType.SymbolicLink, "lib") { LinkName = "usr/lib" },
            new PaxTarEntry(TarEntryType.CharacterDevice, "dev/null") { DeviceMajor = 1, DeviceMinor = 3 },
            new PaxTarEntry(TarEntryType.RegularFile, "etc/passwd") { DataStream = new MemoryStream("later"u8.ToArray()) });
        if (compressed)
        {
            using var stream = new MemoryStream();
            using (var gzip = new GZipStream(stream, CompressionLevel.Fastest, leaveOpen: true))
                gzip.Write(tar);
            tar = stream.ToArray();
        }

        var entries = CpioReader.Read(new CpioArchive().AddTar(new Eif.TrickleStream(tar), "rootfs").Build()).ToDictionary(entry => entry.Name);

        entries["rootfs/etc"].Should().Match<CpioReader.Entry>(entry => entry.Mode == 0x41C0 && entry.Uid == 5 && entry.Gid == 6);
        entries["rootfs/etc/passwd"].Text.Should().Be("later");
        entries["rootfs/etc/copy"].Text.Should().Be("root");
        entries["rootfs/lib"].Text.Should().Be("usr/lib");
        entries["rootfs/dev/null"].Should().Match<CpioReader.Entry>(entry => entry.Major == 1 && entry.Minor == 3);
    }

    [Fact]
    public void Refuses_a_tar_archive_that_is_damaged_or_leads_outside()
    {
        byte[] tar = Tar(new PaxTarEntry(TarEntryType.RegularFile, "file") { DataStream = new MemoryStream(new byte[5000]) });
        new CpioArchive().Invoking(it => it.AddTar(new MemoryStream(tar[..^4000]))).Should().Throw<InvalidDataException>();
        new CpioArchive().Invoking(it => it.AddTar(new MemoryStream(Encoding.ASCII.GetBytes(new string('x', 2000))))).Should().Throw<InvalidDataException>();
        byte[] outside = Tar(new PaxTarEntry(TarEntryType.RegularFile, "../../etc/passwd"));
        new CpioArchive().Invoking(it => it.AddTar(new MemoryStream(outside), "rootfs")).Should().Throw<InvalidDataException>();
    }

    [Fact]
    public void Ramdisks_have_the_shape_of_nitro_cli()
    {
        var boot = CpioReader.Read(NitroRamdisks.CreateBoot("init"u8.ToArray(), "module"u8.ToArray()).Build());
        boot.Select(entry => entry.Name).Should().Equal("dev", "init", "nsm.ko");
        boot[1].Mode.Should().Be(0x81ED);
        CpioReader.Read(NitroRamdisks.CreateBoot("init"u8.ToArray()).Build()).Should().HaveCount(2);
        string[] modules = [Path.Combine(_directory.FullName, "b.ko"), Path.Combine(_directory.FullName, "a.ko.xz")];
        foreach (string module in modules)
            File.WriteAllText(module, "code");
        var withModules = CpioReader.Read(NitroRamdisks.CreateBoot("init"u8.ToArray(), modules: modules).Build());
        withModules.Select(entry => entry.Name).Should().Equal("dev", "init", "lib", "lib/modules", "lib/modules/a.ko.xz", "lib/modules/b.ko", "modules");
        withModules[^1].Text.Should().Be("/lib/modules/b.ko\n/lib/modules/a.ko.xz\n", "their order is that of the arguments");

        var application = CpioReader.Read(NitroRamdisks.CreateApplication(["/app", "--flag", "a b"], ["A=1", "B=x y"]).AddFile("rootfs/app", "binary").Build());
        application.Select(entry => entry.Name).Should().StartWith(["cmd", "env", "rootfs", "rootfs/app", "rootfs/dev"]).And.Contain("rootfs/proc");
        application[0].Text.Should().Be("/app\n--flag\na b\n");
        application[1].Text.Should().Be("A=1\nB=x y\n");
        FluentActions.Invoking(() => NitroRamdisks.CreateApplication([], [])).Should().Throw<ArgumentException>();
        FluentActions.Invoking(() => NitroRamdisks.CreateApplication(["a"], ["A=1\nB=2"])).Should().Throw<ArgumentException>().WithMessage("*line break*");
    }

    private static byte[] Tar(params TarEntry[] entries)
    {
        using var stream = new MemoryStream();
        using (var writer = new TarWriter(stream, leaveOpen: true))
        {
            foreach (var entry in entries)
                writer.WriteEntry(entry);
        }

        return stream.ToArray();
    }
}
