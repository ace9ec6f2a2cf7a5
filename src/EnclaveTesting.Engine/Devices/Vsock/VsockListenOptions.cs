namespace EnclaveTesting.Engine.Devices.Vsock;

/// <summary>How a port of the parent behaves.</summary>
internal sealed record VsockListenOptions
{
    /// <summary>The receive buffer of a connection, 256 KiB as Linux has it.</summary>
    public const int DefaultReceiveWindow = 256 * 1024;

    /// <summary>
    /// Leaves connections unanswered until <see cref="VsockStream.Accept"/>; <see cref="VsockStream.Abort"/> before that refuses.
    /// </summary>
    public bool DeferAccept { get; init; }

    /// <summary>How many connections may wait to be accepted; further ones are refused.</summary>
    public int Backlog { get; init; } = 1024;

    /// <summary>The bytes that the enclave may send before somebody reads them.</summary>
    public int ReceiveWindow { get; init; } = DefaultReceiveWindow;

    /// <summary>Whether a script of the parent takes the connections, which always does something or waits for the enclave.</summary>
    internal bool IsScripts { get; init; }
}
