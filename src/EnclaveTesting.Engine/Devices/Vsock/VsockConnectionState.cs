namespace EnclaveTesting.Engine.Devices.Vsock;

/// <summary>The protocol's side of a connection as it is saved; counters wrap at 32 bits as on the wire.</summary>
internal sealed record VsockConnectionState(VsockKey Key)
{
    public VsockPhase Phase { get; set; }

    /// <summary>Bytes the host is willing to hold.</summary>
    public uint ReceiveWindow { get; set; }

    /// <summary>Bytes that came from the enclave.</summary>
    public uint Received { get; set; }

    /// <summary>The forward count that the enclave was told last; read by the host's threads too.</summary>
    public uint AnnouncedForward
    {
        get => Volatile.Read(ref field);
        set => Volatile.Write(ref field, value);
    }

    /// <summary>Bytes that went to the enclave.</summary>
    public uint Sent { get; set; }

    /// <summary>Bytes the enclave is willing to hold.</summary>
    public uint PeerWindow { get; set; }

    /// <summary>Bytes the enclave's program has taken.</summary>
    public uint PeerForward { get; set; }

    /// <summary>The flags of the SHUTDOWN packets that came.</summary>
    public uint PeerShutdown { get; set; }

    /// <summary>The flags of the SHUTDOWN packets that were sent.</summary>
    public uint Shutdown { get; set; }

    /// <summary>Whether the enclave was asked for its credit and has not answered.</summary>
    public bool CreditRequested { get; set; }

    /// <summary>Whether the enclave waits to be told the host's credit.</summary>
    public bool CreditUpdateDue { get; set; }

    /// <summary>Whether the packet that opens the connection (REQUEST or RESPONSE) was sent.</summary>
    public bool Introduced { get; set; }

    /// <summary>Bytes the enclave can take now; a peer that contradicts itself gets nothing.</summary>
    public uint Credit
    {
        get
        {
            uint inFlight = Sent - PeerForward;
            return inFlight > PeerWindow ? 0 : PeerWindow - inFlight;
        }
    }
}
