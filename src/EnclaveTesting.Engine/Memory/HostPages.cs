using System.Runtime.InteropServices;
using Microsoft.Win32.SafeHandles;

namespace EnclaveTesting.Engine.Memory;

/// <summary>
/// What the host's page tables say about a mapping (Linux, Documentation/admin-guide/mm/pagemap.rst). Elsewhere, and where it cannot be read,
/// every page may hold anything.
/// </summary>
internal static unsafe class HostPages
{
    private const string PageMap = "/proc/self/pagemap";
    private const ulong Present = 1UL << 63, Swapped = 1UL << 62, OfFile = 1UL << 61;
    private const int EntriesAtOnce = 1 << 16;

    /// <summary>Marks the pages of which the mapping has a copy of its own: those written since they were mapped, and a few that were only read.</summary>
    /// <param name="start">The mapping's first byte.</param>
    /// <param name="own">One entry for each page of 4096 bytes.</param>
    /// <returns>False where the host does not tell; then all are marked.</returns>
    public static bool TryFindOwn(byte* start, Span<bool> own)
    {
        if (OperatingSystem.IsLinux() && Environment.SystemPageSize == (int)MemoryLayout.PageSize)
        {
            try
            {
                Read(start, own);
                return true;
            }
            catch (Exception exception) when (exception is IOException or UnauthorizedAccessException)
            {
                // A container may hide it.
            }
        }

        own.Fill(true);
        return false;
    }

    private static void Read(byte* start, Span<bool> own)
    {
        using SafeFileHandle file = File.OpenHandle(PageMap);
        ulong[] entries = new ulong[Math.Min(own.Length, EntriesAtOnce)];
        ulong first = (ulong)start / MemoryLayout.PageSize;
        for (int done = 0; done < own.Length;)
        {
            Span<ulong> wanted = entries.AsSpan(0, Math.Min(entries.Length, own.Length - done));
            Span<byte> bytes = MemoryMarshal.AsBytes(wanted);
            long offset = (long)(first + (ulong)done) * sizeof(ulong);
            int read = RandomAccess.Read(file, bytes, offset) / sizeof(ulong);
            if (read == 0)
                throw new EndOfStreamException($"{PageMap} ends before the mapping.");
            for (int i = 0; i < read; i++)
                own[done + i] = (wanted[i] & (Present | Swapped)) != 0 && (wanted[i] & OfFile) == 0;
            done += read;
        }
    }
}
