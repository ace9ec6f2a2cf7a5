namespace EnclaveTesting;

/// <summary>Where an enclave stands.</summary>
public enum EnclaveState
{
    /// <summary>Built, not started.</summary>
    Created,

    /// <summary>Starting: loading, booting, waiting until it is ready.</summary>
    Starting,

    /// <summary>Ready.</summary>
    Running,

    /// <summary>Ended by itself or stopped.</summary>
    Exited,

    /// <summary>Disposed.</summary>
    Disposed,
}
