using System.ComponentModel;
using System.Diagnostics;

namespace EnclaveTesting.Tests.Cloning;

/// <summary>A file system in memory with little room, at a directory.</summary>
internal sealed class SmallDisk : IDisposable
{
    public SmallDisk(DirectoryInfo directory, int kibibytes = 64)
    {
        Path = directory.FullName;
        if (Run("mount", "-t", "tmpfs", "-o", $"size={kibibytes}k", "enclave-tests", Path) is { } problem)
            throw new InvalidOperationException(problem);
    }

    public string Path { get; }

    /// <summary>From now on nothing can be written there.</summary>
    public void MakeReadOnly()
    {
        if (Run("mount", "-o", "remount,ro", Path) is { } problem)
            throw new InvalidOperationException(problem);
    }

    public void Dispose() => Run("umount", "--lazy", Path);

    /// <summary>Runs a program; gives what it said if it did not succeed.</summary>
    private static string? Run(string program, params string[] arguments)
    {
        try
        {
            using Process process = Process.Start(new ProcessStartInfo(program, arguments) { RedirectStandardError = true })!;
            string error = process.StandardError.ReadToEnd();
            process.WaitForExit();
            return process.ExitCode == 0 ? null : $"{program} ended with {process.ExitCode}: {error}";
        }
        catch (Win32Exception exception)
        {
            return $"{program}: {exception.Message}";
        }
    }

    /// <summary>Why there can be none here; null if there can.</summary>
    public static string? WhyNot { get; } = Try();

    private static string? Try()
    {
        if (!OperatingSystem.IsLinux() || !Environment.IsPrivilegedProcess)
            return "Needs root, to mount a small file system.";
        DirectoryInfo directory = Directory.CreateTempSubdirectory("enclave-disk-");
        try
        {
            new SmallDisk(directory).Dispose();
            return null;
        }
        catch (InvalidOperationException exception)
        {
            return $"Needs to mount a small file system: {exception.Message}";
        }
        finally
        {
            directory.Delete();
        }
    }
}
