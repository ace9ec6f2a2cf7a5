using Microsoft.Win32.SafeHandles;

namespace EnclaveTesting.Cli;

/// <summary>Standard output as bytes.</summary>
internal static class StandardOutput
{
    private const int BrokenPipe = 32;

    /// <summary>Opens it so that a reader that has gone is noticed, which the runtime's own stream keeps to itself.</summary>
    public static Stream Open()
    {
        if (OperatingSystem.IsWindows())
            return Console.OpenStandardOutput();
        var file = new FileStream(new SafeFileHandle(1, ownsHandle: false), FileAccess.Write, bufferSize: 0);
        // For a regular file a file stream keeps a position of its own, and nobody can leave it.
        return file.CanSeek ? Console.OpenStandardOutput() : file;
    }

    /// <summary>Whether a write failed because nobody reads any more.</summary>
    public static bool IsReaderGone(IOException exception) => exception.HResult == BrokenPipe;
}
