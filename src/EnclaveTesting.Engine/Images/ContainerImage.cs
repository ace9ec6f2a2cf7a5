using System.Security.Cryptography;
using System.Text.Json;

namespace EnclaveTesting.Engine.Images;

/// <summary>
/// A container image in a file or directory: an OCI layout (oci-layout, index.json, blobs/), plain or as a tar archive, as skopeo
/// and buildah write them, or the archive of "docker save" or "podman save". No engine and no registry is needed.
/// Sources: opencontainers/image-spec, image-layout.md, manifest.md, config.md, layer.md.
/// </summary>
internal sealed class ContainerImage : IDisposable
{
    private const int MaxJsonLength = 16 * 1024 * 1024;
    private const int MaxIndexDepth = 4;
    private const string DigestPrefix = "sha256:";

    private readonly BlobStore _blobs;
    private readonly string _path;
    private readonly List<string> _layers = [];

    private ContainerImage(string path, BlobStore blobs, string architecture)
    {
        _path = path;
        _blobs = blobs;
        string config = blobs.Contains("index.json") ? ReadIndex("index.json", architecture, 0) : ReadDockerManifest();
        using var document = Json(config);
        var root = document.RootElement;
        Architecture = Text(root, "architecture");
        if (Architecture.Length > 0 && Architecture != architecture)
            throw new InvalidDataException($"{path} is an image for {Architecture}, not for {architecture}.");
        var settings = root.TryGetProperty("config", out var value) && value.ValueKind == JsonValueKind.Object ? value : default;
        Command = [.. Strings(settings, "Entrypoint"), .. Strings(settings, "Cmd")];
        Environment = Strings(settings, "Env");
    }

    /// <summary>The architecture in Go's words, "amd64" or "arm64".</summary>
    public string Architecture { get; }

    /// <summary>The command with its arguments: the image's entry point followed by its cmd, as nitro-cli takes them.</summary>
    public IReadOnlyList<string> Command { get; }

    /// <summary>Entries NAME=value.</summary>
    public IReadOnlyList<string> Environment { get; }

    /// <summary>Opens an image.</summary>
    /// <param name="path">A directory with an OCI layout, or a tar archive that is not compressed.</param>
    /// <param name="architecture">Which image to take of several, "amd64" or "arm64".</param>
    /// <exception cref="InvalidDataException">There is no usable image.</exception>
    /// <exception cref="IOException">The file cannot be read.</exception>
    public static ContainerImage Open(string path, string architecture = "amd64")
    {
        ArgumentException.ThrowIfNullOrEmpty(path);
        ArgumentException.ThrowIfNullOrEmpty(architecture);
        var blobs = new BlobStore(path);
        try
        {
            return new ContainerImage(path, blobs, architecture);
        }
        catch (Exception exception) when (exception is JsonException or InvalidOperationException or FormatException or KeyNotFoundException)
        {
            blobs.Dispose();
            throw new InvalidDataException($"{path} is not a container image: {exception.Message}", exception);
        }
        catch
        {
            blobs.Dispose();
            throw;
        }
    }

    /// <summary>Adds the image's root file system, layer upon layer, to a ramdisk.</summary>
    /// <param name="archive">The ramdisk.</param>
    /// <param name="directory">Where in the ramdisk, "rootfs" for init.</param>
    /// <exception cref="InvalidDataException">A layer is damaged.</exception>
    public void AddTo(CpioArchive archive, string directory)
    {
        ArgumentNullException.ThrowIfNull(archive);
        ArgumentNullException.ThrowIfNull(directory);
        foreach (string layer in _layers)
        {
            try
            {
                // What a layer deletes is deleted from the layers below it, wherever in the layer that is said.
                using (var stream = _blobs.Open(layer))
                    TarImport.DeleteInto(archive, stream, directory);
                using (var stream = _blobs.Open(layer))
                    TarImport.Into(archive, stream, directory, skipWhiteouts: true);
            }
            catch (InvalidDataException exception)
            {
                throw new InvalidDataException($"{_path}: layer {layer}: {exception.Message}", exception);
            }
        }
    }

    /// <inheritdoc/>
    public void Dispose() => _blobs.Dispose();

    private static string Text(JsonElement parent, string name) => parent.TryGetProperty(name, out var value) ? value.GetString() ?? "" : "";

    private static string[] Strings(JsonElement parent, string name) =>
        parent.ValueKind == JsonValueKind.Object && parent.TryGetProperty(name, out var value) && value.ValueKind == JsonValueKind.Array
            ? [.. value.EnumerateArray().Select(item => item.GetString() ?? "")]
            : [];

    /// <summary>Follows an index to the manifest of one architecture.</summary>
    /// <returns>Name of the configuration.</returns>
    private string ReadIndex(string name, string architecture, int depth)
    {
        if (depth == MaxIndexDepth)
            throw new InvalidDataException($"{_path}: {name} is an index in an index in an index; that is too deep.");
        using var document = Json(name);
        if (!document.RootElement.TryGetProperty("manifests", out var manifests))
            return ReadManifest(document.RootElement);

        JsonElement? chosen = null;
        foreach (var manifest in manifests.EnumerateArray())
        {
            string? platform = manifest.TryGetProperty("platform", out var value) ? Text(value, "architecture") : null;
            if (platform == architecture || (platform is null && chosen is null))
                chosen = manifest;
            if (platform == architecture)
                break;
        }

        return chosen is { } entry
            ? ReadIndex(BlobName(entry), architecture, depth + 1)
            : throw new InvalidDataException($"{_path}: {name} lists no image for {architecture}.");
    }

    private string ReadManifest(JsonElement manifest)
    {
        foreach (var layer in manifest.GetProperty("layers").EnumerateArray())
            _layers.Add(Verified(layer));
        return Verified(manifest.GetProperty("config"));
    }

    /// <summary>The older form of "docker save": one file that names configuration and layers by path.</summary>
    private string ReadDockerManifest()
    {
        if (!_blobs.Contains("manifest.json"))
            throw new InvalidDataException($"{_path} is not a container image: it has neither index.json (OCI layout) nor manifest.json (docker save).");
        using var document = Json("manifest.json");
        if (document.RootElement.GetArrayLength() != 1)
            throw new InvalidDataException($"{_path} holds {document.RootElement.GetArrayLength()} images; expected one.");
        var image = document.RootElement[0];
        _layers.AddRange(Strings(image, "Layers"));
        return Text(image, "Config");
    }

    private JsonDocument Json(string name) => JsonDocument.Parse(_blobs.ReadAll(name, MaxJsonLength));

    /// <summary>Where a descriptor's content is.</summary>
    private string BlobName(JsonElement descriptor)
    {
        string digest = Text(descriptor, "digest");
        if (!digest.StartsWith(DigestPrefix, StringComparison.Ordinal) || digest.Length != DigestPrefix.Length + 2 * SHA256.HashSizeInBytes || digest.AsSpan(DigestPrefix.Length).ContainsAnyExcept("0123456789abcdef"))
            throw new InvalidDataException($"{_path}: expected a digest sha256:<64 hexadecimal digits>, found '{digest}'.");
        return "blobs/sha256/" + digest[DigestPrefix.Length..];
    }

    /// <summary>As <see cref="BlobName"/>, and checks that the content has this digest.</summary>
    private string Verified(JsonElement descriptor)
    {
        string name = BlobName(descriptor);
        using var stream = _blobs.Open(name);
        string actual = Convert.ToHexStringLower(SHA256.HashData(stream));
        return name.EndsWith(actual, StringComparison.Ordinal)
            ? name
            : throw new InvalidDataException($"{_path}: {name} is damaged: its content has the digest {actual}.");
    }
}
