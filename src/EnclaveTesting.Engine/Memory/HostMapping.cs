using System.ComponentModel;
using System.Runtime.InteropServices;
using System.Runtime.Versioning;
using Microsoft.Win32.SafeHandles;

namespace EnclaveTesting.Engine.Memory;

/// <summary>
/// Page-aligned, zeroed, lazily committed memory of the host. The one platform file of this folder: anonymous
/// private mappings on Unix, reserved and committed pages on Windows.
/// </summary>
internal sealed unsafe partial class HostMapping : SafeHandle
{
    private const int ProtRead = 1, ProtWrite = 2;
    private const int MapPrivate = 2, MapFixed = 0x10;
    private const uint CloseOnExec = 1;
    private const int MapAnonymousLinux = 0x20, MapNoReserveLinux = 0x4000, MapAnonymousBsd = 0x1000;
    private const int AdviseNotNeeded = 4, AdviseHugePage = 14;
    private const long HugePage = 2 << 20;
    private const uint MemCommitReserve = 0x3000, MemRelease = 0x8000, PageReadWrite = 4;

    private readonly nuint _length;

    private HostMapping(nint address, nuint length)
        : base(-1, ownsHandle: true)
    {
        _length = length;
        SetHandle(address);
    }

    public override bool IsInvalid => handle is -1 or 0;

    public byte* Pointer => (byte*)handle;

    /// <summary>Maps <paramref name="length"/> bytes; pages cost nothing until they are touched.</summary>
    /// <exception cref="GuestMemoryException">The host refuses the mapping.</exception>
    public static HostMapping Create(long length)
    {
        nint address;
        if (OperatingSystem.IsWindows())
        {
            address = VirtualAlloc(0, (nuint)length, MemCommitReserve, PageReadWrite);
        }
        else
        {
            int flags = MapPrivate | (OperatingSystem.IsMacOS() || OperatingSystem.IsFreeBSD()
                ? MapAnonymousBsd
                : MapAnonymousLinux | MapNoReserveLinux);
            address = OperatingSystem.IsLinux() && length >= HugePage && length % Environment.SystemPageSize == 0
                ? MapAligned(length, flags)
                : MMap(0, (nuint)length, ProtRead | ProtWrite, flags, -1, 0);
        }

        int error = Marshal.GetLastPInvokeError();
        var mapping = new HostMapping(address, (nuint)length);
        if (mapping.IsInvalid)
        {
            mapping.Dispose();
            throw new GuestMemoryException(
                $"The host cannot map {length} bytes of guest memory: {new Win32Exception(error).Message} (error {error}).");
        }

        // Fewer host page faults for big guests; only advice, so a refusal changes nothing.
        if (OperatingSystem.IsLinux())
            _ = MAdvise(address, (nuint)length, AdviseHugePage);
        return mapping;
    }

    /// <summary>Opens a file in memory; null where the host has none.</summary>
    public static SafeFileHandle? TryCreateMemoryFile()
    {
        if (!OperatingSystem.IsLinux())
            return null;
        try
        {
            int file = MemFdCreate("enclave memory", CloseOnExec);
            return file < 0 ? null : new SafeFileHandle(file, ownsHandle: true);
        }
        catch (EntryPointNotFoundException)
        {
            // An old C library.
            return null;
        }
    }

    /// <summary>Puts a part of a file in memory in place of a part of this mapping: read from the file until it is written.</summary>
    /// <exception cref="GuestMemoryException">The host refuses.</exception>
    public void MapCopyOnWrite(MemoryFile file, long fileOffset, long offset, long length)
    {
        ArgumentOutOfRangeException.ThrowIfNegative(offset);
        ArgumentOutOfRangeException.ThrowIfGreaterThan((ulong)(offset + length), _length, nameof(length));
        bool held = false;
        try
        {
            file.Handle.DangerousAddRef(ref held);
            nint wanted = handle + (nint)offset;
            nint address = MMap(wanted, (nuint)length, ProtRead | ProtWrite, MapPrivate | MapFixed | MapNoReserveLinux, (int)file.Handle.DangerousGetHandle(), (nint)fileOffset);
            if (address != wanted)
            {
                int error = Marshal.GetLastPInvokeError();
                throw new GuestMemoryException($"The host cannot map {length} bytes of saved guest memory: {new Win32Exception(error).Message} (error {error}).");
            }
        }
        finally
        {
            if (held)
                file.Handle.DangerousRelease();
        }
    }

    /// <summary>Gives pages back to the host, which read as zeroes from now on; for what is zero already. Only advice: they may stay. On Linux.</summary>
    public void Discard(long offset, long length)
    {
        ArgumentOutOfRangeException.ThrowIfNegative(offset);
        ArgumentOutOfRangeException.ThrowIfGreaterThan((ulong)(offset + length), _length, nameof(length));
        if (OperatingSystem.IsLinux() && length > 0)
            _ = MAdvise(handle + (nint)offset, (nuint)length, AdviseNotNeeded);
    }

    protected override bool ReleaseHandle() =>
        OperatingSystem.IsWindows() ? VirtualFree(handle, 0, MemRelease) : MUnmap(handle, _length) == 0;

    // A huge page of the host then is one of the guest, too; Linux before 6.7 does not see to it.
    private static nint MapAligned(long length, int flags)
    {
        nint start = MMap(0, (nuint)(length + HugePage), ProtRead | ProtWrite, flags, -1, 0);
        if (start == -1)
            return start;
        nint address = (nint)((start + HugePage - 1) & -HugePage);
        nint before = address - start, after = (nint)HugePage - before;
        if (before > 0)
            _ = MUnmap(start, (nuint)before);
        if (after > 0)
            _ = MUnmap(address + (nint)length, (nuint)after);
        return address;
    }

    [LibraryImport("libc", EntryPoint = "mmap", SetLastError = true)]
    private static partial nint MMap(nint address, nuint length, int protection, int flags, int fd, nint offset);

    [LibraryImport("libc", EntryPoint = "munmap", SetLastError = true)]
    private static partial int MUnmap(nint address, nuint length);

    [LibraryImport("libc", EntryPoint = "madvise", SetLastError = true)]
    [SupportedOSPlatform("linux")]
    private static partial int MAdvise(nint address, nuint length, int advice);

    [LibraryImport("libc", EntryPoint = "memfd_create", SetLastError = true, StringMarshalling = StringMarshalling.Utf8)]
    [SupportedOSPlatform("linux")]
    private static partial int MemFdCreate(string name, uint flags);

    [LibraryImport("kernel32", SetLastError = true)]
    [SupportedOSPlatform("windows")]
    private static partial nint VirtualAlloc(nint address, nuint size, uint type, uint protection);

    [LibraryImport("kernel32", SetLastError = true)]
    [return: MarshalAs(UnmanagedType.Bool)]
    [SupportedOSPlatform("windows")]
    private static partial bool VirtualFree(nint address, nuint size, uint type);
}
