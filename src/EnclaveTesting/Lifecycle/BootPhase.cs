namespace EnclaveTesting;

/// <summary>How far an enclave came.</summary>
public enum BootPhase
{
    /// <summary>It was not started: image, options or host were at fault, or others used the host's capacity.</summary>
    NotStarted,

    /// <summary>It runs and has printed nothing yet.</summary>
    Silent,

    /// <summary>It has printed something; no heartbeat yet.</summary>
    Booting,

    /// <summary>Its heartbeat has come; something else was awaited.</summary>
    HeartbeatReceived,

    /// <summary>Everything awaited has come.</summary>
    Ready,
}
