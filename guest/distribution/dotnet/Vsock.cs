using System.Runtime.InteropServices;
using Microsoft.Win32.SafeHandles;

namespace EnclaveTesting.Guest.Answer;

/// <summary>Sockets of a family that System.Net.Sockets does not know (linux/vm_sockets.h).</summary>
internal static unsafe partial class Vsock
{
    private const int Family = 40, Stream = 1, Backlog = 16;

    /// <summary>Connects to a port.</summary>
    public static FileStream Connect(uint cid, uint port)
    {
        int socket = Create();
        Address address = new(cid, port);
        Check(connect(socket, &address, sizeof(Address)));
        return Open(socket);
    }

    /// <summary>Listens on a port; the socket's number.</summary>
    public static int Listen(uint port)
    {
        const uint any = uint.MaxValue;
        int socket = Create();
        Address address = new(any, port);
        Check(bind(socket, &address, sizeof(Address)));
        Check(listen(socket, Backlog));
        return socket;
    }

    /// <summary>Takes the next connection.</summary>
    public static FileStream Accept(int socket) => Open(Check(accept(socket, null, null)));

    private static int Create() => Check(socket(Family, Stream, 0));

    private static FileStream Open(int socket) => new(new SafeFileHandle(socket, ownsHandle: true), FileAccess.ReadWrite, bufferSize: 0);

    private static int Check(int result) => result >= 0 ? result : throw new IOException(Marshal.GetLastPInvokeErrorMessage());

    [LibraryImport("libc", SetLastError = true)]
    private static partial int socket(int family, int type, int protocol);

    [LibraryImport("libc", SetLastError = true)]
    private static partial int connect(int socket, Address* address, int length);

    [LibraryImport("libc", SetLastError = true)]
    private static partial int bind(int socket, Address* address, int length);

    [LibraryImport("libc", SetLastError = true)]
    private static partial int listen(int socket, int backlog);

    [LibraryImport("libc", SetLastError = true)]
    private static partial int accept(int socket, Address* address, int* length);

    private readonly struct Address(uint cid, uint port)
    {
        private readonly ushort _family = Family;
        private readonly ushort _reserved;
        private readonly uint _port = port;
        private readonly uint _cid = cid;
        private readonly uint _rest;
    }
}
