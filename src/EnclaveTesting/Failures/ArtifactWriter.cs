namespace EnclaveTesting;

/// <summary>Writes one kind of file about an enclave whose test failed.</summary>
/// <param name="Extension">The end of the file's name, without a dot in front.</param>
/// <param name="Render">Gives what fills the file; null if there is nothing to write about this enclave.</param>
internal sealed record ArtifactWriter(string Extension, Func<Enclave, Action<Stream>?> Render)
{
    /// <summary>One that writes text in UTF-8.</summary>
    public static ArtifactWriter OfText(string extension, Func<Enclave, string> render) => new(extension, enclave => stream =>
    {
        using var writer = new StreamWriter(stream, leaveOpen: true);
        writer.Write(render(enclave));
    });
}
