using EnclaveTesting.Engine.Devices.Vsock;

namespace EnclaveTesting.Engine.Tests.Devices.Vsock;

/// <summary>A packet that came to the guest.</summary>
internal sealed record VsockPacket(VsockHeader Header, byte[] Data)
{
    public VsockOperation Operation => Header.Operation;

    public uint Flags => Header.Flags;
}
