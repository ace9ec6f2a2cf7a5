namespace EnclaveTesting;

/// <summary>
/// The temporary file in which an enclave is recorded. It is there as long as this object: a test's artefacts are written when its enclaves are
/// disposed.
/// </summary>
internal sealed class RecordingFile
{
    private readonly FileStream _file;

    private RecordingFile(FileStream file) => _file = file;

    /// <summary>Where it is.</summary>
    public string Path => _file.Name;

    public static RecordingFile Create()
    {
        string path = System.IO.Path.Combine(System.IO.Path.GetTempPath(), $"enclave-{Guid.NewGuid():N}.recording");
        return new RecordingFile(new FileStream(path, FileMode.CreateNew, FileAccess.ReadWrite, FileShare.ReadWrite | FileShare.Delete, bufferSize: 1, FileOptions.DeleteOnClose));
    }

    /// <summary>Copies what was recorded so far.</summary>
    public void CopyTo(Stream stream)
    {
        lock (_file)
        {
            _file.Position = 0;
            _file.CopyTo(stream);
        }
    }
}
