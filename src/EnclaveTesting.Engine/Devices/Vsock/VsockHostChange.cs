using System.Buffers;

namespace EnclaveTesting.Engine.Devices.Vsock;

/// <summary>What the host's end of a connection wants, as the machine sees it at one moment.</summary>
internal record struct VsockHostChange
{
    /// <summary>How many bytes of the enclave the host's program has taken in all; wraps at 32 bits.</summary>
    public uint Consumed { get; set; }

    /// <summary>The connection may be accepted.</summary>
    public bool Accepted { get; set; }

    /// <summary>The connection is to be reset.</summary>
    public bool Aborted { get; set; }

    /// <summary>The host's program has left.</summary>
    public bool HostGone { get; set; }

    /// <summary>Nothing follows the bytes.</summary>
    public bool OutputEnded { get; set; }

    /// <summary>The bytes for the enclave that came since the last time.</summary>
    public ReadOnlySequence<byte> Data { get; set; }
}
