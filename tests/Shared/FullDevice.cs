namespace EnclaveTesting.Tests.Shared;

/// <summary>A disk without space, file by file.</summary>
internal static class FullDevice
{
    public const string Path = "/dev/full";

    /// <summary>Whatever is written to this file does not fit.</summary>
    public static void Put(string file)
    {
        Directory.CreateDirectory(System.IO.Path.GetDirectoryName(file)!);
        File.Delete(file);
        File.CreateSymbolicLink(file, Path);
    }
}
