using System.Globalization;

namespace EnclaveTesting.Engine.State;

/// <summary>
/// Saved machines in a directory, for the processes of one user: <c>KEY.machine</c>. Files appear whole, by renaming; the longest unused go when
/// they are too many; whatever goes wrong with the directory costs a boot and nothing else.
/// </summary>
internal sealed class SnapshotCache
{
    /// <summary>Names the directory; "off" uses none.</summary>
    public const string DirectoryVariable = "ENCLAVE_CACHE";

    /// <summary>Sets how many MiB the files may have together.</summary>
    public const string SizeVariable = "ENCLAVE_CACHE_SIZE";

    private const string Extension = ".machine", LockExtension = ".lock", TemporaryExtension = ".part";
    private const long DefaultSize = 4096L << 20;
    private const double MiB = 1 << 20;

    // Between its last byte and its new name a file is nobody's.
    private static readonly TimeSpan Abandoned = TimeSpan.FromMinutes(1);

    private readonly long _size;

    /// <summary>A cache in a directory that need not be there yet.</summary>
    public SnapshotCache(string path, long size = DefaultSize)
    {
        Path = path;
        _size = size;
    }

    /// <summary>The directory.</summary>
    public string Path { get; }

    /// <summary>The user's cache; null if it is switched off, or the user has no home and names no directory.</summary>
    public static SnapshotCache? FromEnvironment()
    {
        string? directory = Environment.GetEnvironmentVariable(DirectoryVariable);
        if (string.Equals(directory, "off", StringComparison.OrdinalIgnoreCase))
            return null;
        if (string.IsNullOrEmpty(directory))
        {
            // A directory that everybody may write is no place for it.
            if (UserCache() is not { } cache)
                return null;
            directory = System.IO.Path.Combine(cache, "enclave-testing");
        }

        bool limited = long.TryParse(Environment.GetEnvironmentVariable(SizeVariable), NumberStyles.None, CultureInfo.InvariantCulture, out long mebibytes);
        return new SnapshotCache(System.IO.Path.GetFullPath(directory), limited ? Math.Min(mebibytes, long.MaxValue >> 20) << 20 : DefaultSize);
    }

    /// <summary>The files, most recently used first.</summary>
    public IReadOnlyList<FileInfo> List()
    {
        var directory = new DirectoryInfo(Path);
        // Other processes delete files meanwhile; what is asked of a file that was there once is known.
        return directory.Exists ? [.. directory.EnumerateFiles("*" + Extension).Where(file => file.Exists).OrderByDescending(file => file.LastWriteTimeUtc)] : [];
    }

    /// <summary>Deletes all files but those that another process is about to write.</summary>
    /// <returns>How many bytes they had.</returns>
    public long Clear()
    {
        long bytes = 0;
        var directory = new DirectoryInfo(Path);
        foreach (FileInfo file in directory.Exists ? directory.GetFiles() : [])
        {
            if (!file.Exists)
                continue;
            // Its length is not known any more when it is gone.
            long length = file.Length;
            if (file.Extension == Extension)
                file.Delete();
            else if (file.Extension is not (LockExtension or TemporaryExtension) || !TryDeleteUnused(file))
                continue;
            bytes += length;
        }

        return bytes;
    }

    /// <summary>Whether there is a file for a key.</summary>
    public bool Has(string key) => File.Exists(FileOf(key));

    /// <summary>Reads the machine saved under a key; null if there is none.</summary>
    /// <exception cref="StateFormatException">The file cannot be used; it is deleted.</exception>
    public MachineSnapshot? Load(string key)
    {
        string file = FileOf(key);
        try
        {
            MachineSnapshot snapshot = SnapshotFile.Load(file);
            Touch(file);
            return snapshot;
        }
        catch (Exception exception) when (exception is FileNotFoundException or DirectoryNotFoundException)
        {
            return null;
        }
        catch (StateFormatException)
        {
            Delete(file);
            throw;
        }
    }

    /// <summary>Saves a machine under a key; another one there is replaced.</summary>
    /// <exception cref="IOException">The disk is full, the machine larger than the cache, or the directory cannot be written; nothing is left behind.</exception>
    /// <exception cref="UnauthorizedAccessException">The directory belongs to somebody else.</exception>
    public void Save(string key, MachineSnapshot snapshot)
    {
        CreateDirectory();
        string temporary = System.IO.Path.Combine(Path, $"{key}.{Environment.ProcessId}-{Guid.NewGuid():n}{TemporaryExtension}");
        try
        {
            SnapshotFile.Save(snapshot, temporary);
            long length = new FileInfo(temporary).Length;
            if (length > _size)
                throw new IOException(string.Create(CultureInfo.InvariantCulture, $"It has {length / MiB:F1} MiB, and the cache may have {_size / MiB:F1} ({SizeVariable})."));
            File.Move(temporary, FileOf(key), overwrite: true);
        }
        catch
        {
            Delete(temporary);
            throw;
        }

        Shrink(key);
    }

    /// <summary>Forgets what is saved under a key.</summary>
    public void Remove(string key) => Delete(FileOf(key));

    /// <summary>Says to other processes that this one is about to save a machine under a key; null if another one said so.</summary>
    /// <exception cref="IOException">The directory cannot be written.</exception>
    /// <exception cref="UnauthorizedAccessException">The directory belongs to somebody else.</exception>
    public IDisposable? TryLock(string key)
    {
        CreateDirectory();
        string file = System.IO.Path.Combine(Path, key + LockExtension);
        for (bool again = true; ; again = false)
        {
            try
            {
                // The lock goes with the process, whatever becomes of it.
                return new FileStream(file, FileMode.OpenOrCreate, FileAccess.ReadWrite, FileShare.None, 1, FileOptions.DeleteOnClose);
            }
            catch (IOException) when (File.Exists(file))
            {
                return null;
            }
            catch (IOException) when (again)
            {
                // Whoever had it has just released it.
            }
        }
    }

    private static string? UserCache()
    {
        if (OperatingSystem.IsWindows())
            return Environment.GetFolderPath(Environment.SpecialFolder.LocalApplicationData);
        if (Environment.GetEnvironmentVariable("XDG_CACHE_HOME") is { Length: > 0 } cache && System.IO.Path.IsPathRooted(cache))
            return cache;
        string home = Environment.GetFolderPath(Environment.SpecialFolder.UserProfile);
        return home.Length > 0 ? System.IO.Path.Combine(home, ".cache") : null;
    }

    private static void Touch(string file)
    {
        try
        {
            File.SetLastWriteTimeUtc(file, DateTime.UtcNow);
        }
        catch (Exception exception) when (exception is IOException or UnauthorizedAccessException)
        {
            // It is only older than it could be.
        }
    }

    private static void Delete(string file)
    {
        try
        {
            File.Delete(file);
        }
        catch (Exception exception) when (exception is IOException or UnauthorizedAccessException)
        {
            // Another process uses it, or has deleted its directory.
        }
    }

    private void CreateDirectory()
    {
        // What guests' memory held is nobody else's business.
        if (OperatingSystem.IsWindows())
            Directory.CreateDirectory(Path);
        else
            Directory.CreateDirectory(Path, UnixFileMode.UserRead | UnixFileMode.UserWrite | UnixFileMode.UserExecute);
    }

    private string FileOf(string key) => System.IO.Path.Combine(Path, key + Extension);

    private void Shrink(string newest)
    {
        long left = _size;
        foreach (FileInfo file in List())
        {
            left -= file.Length;
            if (left < 0 && file.Name != newest + Extension)
                Delete(file.FullName);
        }

        // What processes that were killed have left behind.
        foreach (FileInfo file in new DirectoryInfo(Path).EnumerateFiles())
        {
            if (file.Extension is LockExtension or TemporaryExtension && DateTime.UtcNow - file.LastWriteTimeUtc > Abandoned)
                TryDeleteUnused(file);
        }
    }

    private static bool TryDeleteUnused(FileInfo file)
    {
        try
        {
            // Whoever writes it, or holds it as a lock, does not let it be opened.
            using var unused = new FileStream(file.FullName, FileMode.Open, FileAccess.ReadWrite, FileShare.None, 1, FileOptions.DeleteOnClose);
            return true;
        }
        catch (Exception exception) when (exception is IOException or UnauthorizedAccessException)
        {
            return false;
        }
    }
}
