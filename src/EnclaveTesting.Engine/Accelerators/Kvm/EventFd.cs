using System.Runtime.InteropServices;
using System.Runtime.Versioning;

namespace EnclaveTesting.Engine.Accelerators.Kvm;

/// <summary>A kernel event counter (eventfd(2)), non-blocking.</summary>
[SupportedOSPlatform("linux")]
internal sealed unsafe class EventFd : IDisposable
{
    private readonly FileDescriptor _fd;

    public EventFd()
    {
        _fd = new FileDescriptor(LibC.EventFd(0, LibC.EventNonBlocking | LibC.EventCloseOnExec));
        int error = Marshal.GetLastPInvokeError();
        if (_fd.IsInvalid)
            throw new KvmException("eventfd", error);
    }

    public int Number => _fd.Number;

    /// <summary>Adds one. After disposal it does nothing.</summary>
    public void Signal()
    {
        ulong one = 1;
        try
        {
            // The only possible refusal is a full counter, which is as good as a signal.
            _ = LibC.Write(_fd, &one, sizeof(ulong));
        }
        catch (ObjectDisposedException)
        {
            // Nobody listens any more.
        }
    }

    /// <summary>Takes all that was added.</summary>
    public void Drain()
    {
        ulong count;
        _ = LibC.Read(_fd, &count, sizeof(ulong));
    }

    public void Dispose() => _fd.Dispose();
}
