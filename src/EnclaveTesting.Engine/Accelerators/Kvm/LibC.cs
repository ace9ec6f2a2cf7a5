using System.Runtime.InteropServices;
using System.Runtime.Versioning;

namespace EnclaveTesting.Engine.Accelerators.Kvm;

/// <summary>The C library's entry points that the KVM accelerator uses; x86-64 Linux, glibc and musl alike.</summary>
[SupportedOSPlatform("linux")]
internal static unsafe partial class LibC
{
    public const int OpenReadWrite = 2, OpenCloseOnExec = 0x80000;
    public const int EventNonBlocking = 0x800, EventCloseOnExec = 0x80000;
    public const int ProtRead = 1, ProtWrite = 2, MapShared = 1;
    public const short PollIn = 1;
    public const int NoEntry = 2, Interrupted = 4, Again = 11, AccessDenied = 13, NotPermitted = 1, InvalidArgument = 22;

    private const int SystemCallStat = 4, SystemCallGetTid = 186, SystemCallTgKill = 234;
    private const int StatSize = 144, StatGroup = 32;

    [LibraryImport("libc", EntryPoint = "open", SetLastError = true, StringMarshalling = StringMarshalling.Utf8)]
    public static partial int Open(string path, int flags);

    [LibraryImport("libc", EntryPoint = "close", SetLastError = true)]
    public static partial int Close(int fd);

    [LibraryImport("libc", EntryPoint = "ioctl", SetLastError = true)]
    public static partial int IoControl(FileDescriptor fd, nuint request, nint argument);

    [LibraryImport("libc", EntryPoint = "ioctl", SetLastError = true)]
    public static partial int IoControlRaw(int fd, nuint request, nint argument);

    [LibraryImport("libc", EntryPoint = "mmap", SetLastError = true)]
    public static partial nint MMap(nint address, nuint length, int protection, int flags, FileDescriptor fd, nint offset);

    [LibraryImport("libc", EntryPoint = "munmap", SetLastError = true)]
    public static partial int MUnmap(nint address, nuint length);

    [LibraryImport("libc", EntryPoint = "eventfd", SetLastError = true)]
    public static partial int EventFd(uint initial, int flags);

    [LibraryImport("libc", EntryPoint = "poll", SetLastError = true)]
    public static partial int Poll(PollFd* fds, nuint count, int timeoutMilliseconds);

    [LibraryImport("libc", EntryPoint = "read", SetLastError = true)]
    public static partial nint Read(FileDescriptor fd, void* buffer, nuint count);

    [LibraryImport("libc", EntryPoint = "write", SetLastError = true)]
    public static partial nint Write(FileDescriptor fd, void* buffer, nuint count);

    [LibraryImport("libc", EntryPoint = "sigaction", SetLastError = true)]
    public static partial int SigAction(int signal, SignalAction* action, SignalAction* old);

    /// <summary>The number of the group that a file belongs to; null if the kernel does not tell.</summary>
    public static uint? GroupOf(string path)
    {
        // struct stat as the kernel of x86-64 has it; C libraries differ.
        byte* stat = stackalloc byte[StatSize];
        fixed (byte* name = System.Text.Encoding.UTF8.GetBytes(path + '\0'))
            return SystemCall(SystemCallStat, (nint)name, (nint)stat, 0) == 0 ? *(uint*)(stat + StatGroup) : null;
    }

    /// <summary>The kernel's id of the calling thread.</summary>
    public static int GetTid() => (int)SystemCall(SystemCallGetTid, 0, 0, 0);

    /// <summary>Signals one thread of this process; ESRCH when it has ended is no error here.</summary>
    public static void TgKill(int thread, int signal) => _ = SystemCall(SystemCallTgKill, Environment.ProcessId, thread, signal);

    [LibraryImport("libc", EntryPoint = "syscall", SetLastError = true)]
    private static partial nint SystemCall(nint number, nint first, nint second, nint third);

    /// <summary>struct pollfd.</summary>
    [StructLayout(LayoutKind.Sequential)]
    public struct PollFd
    {
        public int Fd;
        public short Events;
        public short Returned;
    }

    /// <summary>struct sigaction of the C library (not the kernel's).</summary>
    [StructLayout(LayoutKind.Sequential)]
    public struct SignalAction
    {
        public nint Handler;
        public fixed ulong Mask[16];
        public int Flags;
        public nint Restorer;
    }
}
