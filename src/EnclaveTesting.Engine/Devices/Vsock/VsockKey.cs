namespace EnclaveTesting.Engine.Devices.Vsock;

/// <summary>What tells one connection of a machine from another.</summary>
/// <param name="HostCid">The identifier by which the guest knows the host: 2 or 3.</param>
/// <param name="HostPort">The host's port.</param>
/// <param name="GuestPort">The enclave's port.</param>
internal readonly record struct VsockKey(uint HostCid, uint HostPort, uint GuestPort);
