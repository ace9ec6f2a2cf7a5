using Microsoft.Win32.SafeHandles;

namespace EnclaveTesting.Guest.Answer;

/// <summary>A listening socket.</summary>
internal sealed class VsockListener(uint port) : IDisposable
{
    private readonly SafeFileHandle _socket = new(Vsock.Listen(port), ownsHandle: true);

    public FileStream Accept() => Vsock.Accept((int)_socket.DangerousGetHandle());

    public void Dispose() => _socket.Dispose();
}
