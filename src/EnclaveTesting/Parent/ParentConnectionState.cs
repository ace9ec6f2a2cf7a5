namespace EnclaveTesting;

/// <summary>What became of a connection from the enclave to the parent.</summary>
public enum ParentConnectionState
{
    /// <summary>Its script or handler is running.</summary>
    Open,

    /// <summary>The script or handler came to its end.</summary>
    Completed,

    /// <summary>The enclave did something else than expected, the handler threw, or the connection was lost.</summary>
    Failed,

    /// <summary>The parent refused it, or never answered.</summary>
    Refused,
}
