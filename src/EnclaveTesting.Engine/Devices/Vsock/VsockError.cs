namespace EnclaveTesting.Engine.Devices.Vsock;

/// <summary>What went wrong with a vsock connection.</summary>
public enum VsockError
{
    /// <summary>Nobody listens on the port, or the listener's backlog is full.</summary>
    ConnectionRefused,

    /// <summary>The enclave reset the connection, or its driver restarted.</summary>
    ConnectionReset,

    /// <summary>The enclave no longer receives on this connection.</summary>
    BrokenPipe,

    /// <summary>This side aborted the connection.</summary>
    Aborted,

    /// <summary>The enclave sent more than it was allowed to.</summary>
    ProtocolViolation,

    /// <summary>The enclave ended.</summary>
    MachineEnded,
}
