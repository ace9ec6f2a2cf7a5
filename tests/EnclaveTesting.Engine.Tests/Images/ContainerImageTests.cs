using System.Formats.Tar;
using System.IO.Compression;
using System.Security.Cryptography;
using System.Text;
using EnclaveTesting.Engine.Images;
using ZstdSharp;

namespace EnclaveTesting.Engine.Tests.Images;

public sealed class ContainerImageTests : IDisposable
{
    private readonly DirectoryInfo _directory = Directory.CreateTempSubdirectory("container-image-");

    public void Dispose() => _directory.Delete(recursive: true);

    [Theory]
    [InlineData(false)]
    [InlineData(true)]
    public void Reads_an_OCI_layout(bool archived)
    {
        string path = WriteLayout();
        if (archived)
        {
            TarFile.CreateFromDirectory(path, path + ".tar", includeBaseDirectory: false);
            path += ".tar";
        }

        using var image = ContainerImage.Open(path);
        image.Architecture.Should().Be("amd64");
        image.Command.Should().Equal("/server", "--port", "5000");
        image.Environment.Should().Equal("PATH=/bin", "A=b c");
        Files(image).Should().Equal(
            ("rootfs", ""), ("rootfs/etc", ""), ("rootfs/etc/kept", "kept"), ("rootfs/etc/new", "new"),
            ("rootfs/opaque", ""), ("rootfs/opaque/upper", "upper"), ("rootfs/server", "second"));
    }

    [Fact]
    public void Reads_what_docker_save_wrote_before_it_wrote_OCI_layouts()
    {
        string path = Path.Combine(_directory.FullName, "saved");
        Directory.CreateDirectory(Path.Combine(path, "abc"));
        File.WriteAllText(Path.Combine(path, "manifest.json"), """[{"Config":"config.json","RepoTags":["a:1"],"Layers":["abc/layer.tar"]}]""");
        File.WriteAllText(Path.Combine(path, "config.json"), """{"architecture":"amd64","config":{"Entrypoint":null,"Cmd":["/run"]}}""");
        File.WriteAllBytes(Path.Combine(path, "abc", "layer.tar"), Layer(("run", "binary")));
        TarFile.CreateFromDirectory(path, path + ".tar", includeBaseDirectory: false);

        using var image = ContainerImage.Open(path + ".tar");
        image.Command.Should().Equal("/run");
        image.Environment.Should().BeEmpty();
        Files(image).Should().Equal(("rootfs", ""), ("rootfs/run", "binary"));
    }

    [Fact]
    public void Takes_the_manifest_of_the_architecture_asked_for()
    {
        string path = WriteLayout();
        using var image = ContainerImage.Open(path, "amd64");
        image.Command.Should().StartWith("/server");
        FluentActions.Invoking(() => ContainerImage.Open(path, "riscv64")).Should().Throw<InvalidDataException>().WithMessage("*no image for riscv64*");
    }

    [Fact]
    public void A_damaged_blob_is_named()
    {
        string path = WriteLayout();
        string largest = Directory.GetFiles(Path.Combine(path, "blobs", "sha256")).MaxBy(file => new FileInfo(file).Length)!;
        using (var file = File.Open(largest, FileMode.Append))
            file.WriteByte(0);

        FluentActions.Invoking(() => ContainerImage.Open(path)).Should().Throw<InvalidDataException>().WithMessage($"*{Path.GetFileName(largest)} is damaged*");
    }

    [Theory]
    [InlineData("{")]
    [InlineData("[]")]
    [InlineData("{}")]
    [InlineData("""{"manifests":[]}""")]
    [InlineData("""{"manifests":[{"digest":"sha256:../../../../etc/passwd"}]}""")]
    [InlineData("""{"manifests":[{"digest":"sha256:0000000000000000000000000000000000000000000000000000000000000000"}]}""")]
    [InlineData("""{"manifests":[{"digest":5}]}""")]
    public void An_index_that_is_none_is_refused(string json)
    {
        File.WriteAllText(Path.Combine(_directory.FullName, "index.json"), json);
        FluentActions.Invoking(() => ContainerImage.Open(_directory.FullName)).Should().Throw<InvalidDataException>();
    }

    [Theory]
    [InlineData("../outside")]
    [InlineData("/etc/passwd")]
    public void A_manifest_cannot_reach_files_outside(string name)
    {
        File.WriteAllText(Path.Combine(_directory.FullName, "manifest.json"), $$"""[{"Config":"{{name}}","Layers":[]}]""");
        FluentActions.Invoking(() => ContainerImage.Open(_directory.FullName)).Should().Throw<InvalidDataException>().WithMessage("*not a path inside*");
    }

    [Fact]
    public void A_file_that_is_no_archive_is_refused_and_closed()
    {
        string path = Path.Combine(_directory.FullName, "file");
        File.WriteAllText(path, new string('x', 4000));
        FluentActions.Invoking(() => ContainerImage.Open(path)).Should().Throw<InvalidDataException>();
        new FileStream(path, FileMode.Open, FileAccess.ReadWrite, FileShare.None).Dispose();
    }

    private static List<(string Name, string Text)> Files(ContainerImage image)
    {
        var archive = new CpioArchive();
        image.AddTo(archive, "rootfs");
        return [.. CpioReader.Read(archive.Build()).Select(entry => (entry.Name, entry.Text))];
    }

    private static byte[] Layer(params (string Name, string Content)[] files)
    {
        using var stream = new MemoryStream();
        using (var writer = new TarWriter(stream, leaveOpen: true))
        {
            foreach (var (name, content) in files)
                writer.WriteEntry(new PaxTarEntry(TarEntryType.RegularFile, name) { DataStream = new MemoryStream(Encoding.UTF8.GetBytes(content)) });
        }

        return stream.ToArray();
    }

    private static byte[] Gzip(byte[] bytes)
    {
        using var stream = new MemoryStream();
        using (var gzip = new GZipStream(stream, CompressionLevel.Fastest))
            gzip.Write(bytes);
        return stream.ToArray();
    }

    private static byte[] Zstd(byte[] bytes)
    {
        using var compressor = new Compressor();
        return compressor.Wrap(bytes).ToArray();
    }

    /// <summary>Three layers (gzip, zstd, plain) with both kinds of deletion; an index of two architectures inside an index.</summary>
    private string WriteLayout()
    {
        string path = Path.Combine(_directory.FullName, "layout");
        Directory.CreateDirectory(Path.Combine(path, "blobs", "sha256"));
        string Blob(byte[] content)
        {
            string digest = Convert.ToHexStringLower(SHA256.HashData(content));
            File.WriteAllBytes(Path.Combine(path, "blobs", "sha256", digest), content);
            return "sha256:" + digest;
        }

        string Json(string text) => Blob(Encoding.UTF8.GetBytes(text));
        string first = Blob(Gzip(Layer(("etc/kept", "kept"), ("etc/gone", "gone"), ("opaque/lower", "lower"), ("server", "first"), ("tree/file", "x"))));
        string second = Blob(Zstd(Layer(("etc/.wh.gone", ""), ("etc/new", "new"), ("server", "second"), (".wh.tree", ""))));
        string third = Blob(Layer(("opaque/upper", "upper"), ("opaque/.wh..wh..opq", "")));
        string config = Json("""{"architecture":"amd64","os":"linux","config":{"Entrypoint":["/server"],"Cmd":["--port","5000"],"Env":["PATH=/bin","A=b c"]}}""");
        string manifest = Json($$"""{"schemaVersion":2,"config":{"digest":"{{config}}"},"layers":[{"digest":"{{first}}"},{"digest":"{{second}}"},{"digest":"{{third}}"}]}""");
        string index = Json($$"""
            {"manifests":[
              {"digest":"sha256:{{new string('0', 64)}}","platform":{"architecture":"arm64","os":"linux"} },
              {"digest":"{{manifest}}","platform":{"architecture":"amd64","os":"linux"} }]}
            """);
        File.WriteAllText(Path.Combine(path, "index.json"), $$"""{"manifests":[{"digest":"{{index}}" }] }""");
        File.WriteAllText(Path.Combine(path, "oci-layout"), """{"imageLayoutVersion":"1.0.0"}""");
        return path;
    }
}
