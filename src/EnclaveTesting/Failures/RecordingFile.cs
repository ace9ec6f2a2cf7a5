namespace EnclaveTesting;

/// <summary>
/// The temporary file in which an enclave is recorded. It is there as long as this object: a test's artefacts are written when its enclaves are
/// disposed.
/// </summary>
internal sealed class RecordingFile
{
    private readonly FileStream _file;

    private RecordingFile(FileStream file) => _file = file;

    /// <summary>Where it is, or was.</summary>
    public string Path => _file.Name;

    public static RecordingFile Create()
    {
        string path = System.IO.Path.Combine(System.IO.Path.GetTempPath(), $"enclave-{Guid.NewGuid():N}.recording");
        var options = new FileStreamOptions
        {
            Mode = FileMode.CreateNew,
            Access = FileAccess.ReadWrite,
            Share = FileShare.ReadWrite | FileShare.Delete,
            BufferSize = 1,
            Options = FileOptions.DeleteOnClose,
        };
        // What an enclave was told is nobody else's business.
        if (!OperatingSystem.IsWindows())
            options.UnixCreateMode = UnixFileMode.UserRead | UnixFileMode.UserWrite;
        return new RecordingFile(new FileStream(path, options));
    }

    /// <summary>
    /// The machine has opened the file: it loses its name where files can go on without one. Elsewhere the system deletes it with the process; here
    /// nobody would.
    /// </summary>
    public void Unlink()
    {
        if (!OperatingSystem.IsWindows())
            File.Delete(Path);
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
