using EnclaveTesting.Engine.Eif;

namespace EnclaveTesting.Engine.Machine.Recording;

/// <summary>
/// The file that a machine in virtual time has written of all that came to it from outside (<see cref="MicroVmOptions.RecordTo"/>).
/// <see cref="MicroVm.Replay"/> runs it again, once, without the host's programs.
/// </summary>
internal sealed class MachineRecording : IDisposable
{
    private MachineRecording(string path, RecordReader reader, RecordingHeader header)
    {
        Path = path;
        Reader = reader;
        Header = header;
    }

    /// <summary>The file.</summary>
    public string Path { get; }

    /// <summary>The name of the image that ran.</summary>
    public string Image => Header.Image;

    /// <summary>The image's PCR0.</summary>
    public PcrValue Pcr0 => new(Header.Pcr0);

    /// <summary>The version of the engine that wrote it. Another one may count instructions otherwise; then it cannot be played to its end.</summary>
    public string Engine => Header.Engine;

    internal RecordReader Reader { get; }

    internal RecordingHeader Header { get; }

    /// <summary>Opens a recording; what follows its header is read as it is played.</summary>
    /// <exception cref="RecordingFormatException">The file is none.</exception>
    /// <exception cref="IOException">The file cannot be read.</exception>
    public static MachineRecording Open(string path)
    {
        var reader = new RecordReader(File.OpenRead(path), path);
        try
        {
            if (reader.Next() is not RecordKind.Header)
                throw reader.Problem(RecordWriter.Magic.Length + 1, "a header", "none");
            return new MachineRecording(path, reader, RecordingHeader.Read(reader));
        }
        catch
        {
            reader.Dispose();
            throw;
        }
    }

    /// <summary>Closes the file.</summary>
    public void Dispose() => Reader.Dispose();
}
