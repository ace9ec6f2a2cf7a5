using Microsoft.Win32.SafeHandles;

namespace EnclaveTesting.Engine.Memory;

/// <summary>A file that exists in memory only and that this process alone can reach (Linux, memfd_create(2)).</summary>
internal sealed class MemoryFile : IDisposable
{
    private MemoryFile(SafeFileHandle handle) => Handle = handle;

    /// <summary>Its descriptor.</summary>
    public SafeFileHandle Handle { get; }

    /// <summary>Makes a file of zeroes; null where the host has no such files.</summary>
    public static MemoryFile? TryCreate(long length)
    {
        if (HostMapping.TryCreateMemoryFile() is not { } handle)
            return null;
        try
        {
            RandomAccess.SetLength(handle, length);
            return new MemoryFile(handle);
        }
        catch (IOException)
        {
            handle.Dispose();
            return null;
        }
    }

    public void Write(long offset, ReadOnlySpan<byte> bytes) => RandomAccess.Write(Handle, bytes, offset);

    /// <inheritdoc/>
    public void Dispose() => Handle.Dispose();
}
