namespace EnclaveTesting.Engine.Machine.Recording;

/// <summary>What a record of a recording is; the first byte of its payload.</summary>
internal enum RecordKind : byte
{
    /// <summary>Image, options and engine; the first record, and only that.</summary>
    Header = 1,

    /// <summary>The machine met the host: instructions, time, digest of what the guest has done. What changed there follows.</summary>
    Meeting = 2,

    /// <summary>What the host's end of one vsock connection has done.</summary>
    HostChange = 3,

    /// <summary>A program of the host waits for a time in the machine.</summary>
    Delay = 4,

    /// <summary>Whether a connection that the guest opened found a listener.</summary>
    Listen = 5,

    /// <summary>A response of the security module.</summary>
    Answer = 6,

    /// <summary>The time of day from a clock of the test's own.</summary>
    TimeOfDay = 7,

    /// <summary>How and where the machine ended; the last record.</summary>
    End = 8,
}
