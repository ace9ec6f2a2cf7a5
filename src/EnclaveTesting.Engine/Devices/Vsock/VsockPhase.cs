namespace EnclaveTesting.Engine.Devices.Vsock;

/// <summary>Where a connection stands.</summary>
internal enum VsockPhase
{
    /// <summary>The host wants it and the enclave has not answered.</summary>
    Connecting,

    /// <summary>The enclave wants it and the host has not answered.</summary>
    Requested,

    /// <summary>Both sides agreed.</summary>
    Open,

    /// <summary>Over; no packet belongs to it any more.</summary>
    Closed,
}
