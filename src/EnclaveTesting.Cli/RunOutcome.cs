namespace EnclaveTesting.Cli;

/// <summary>Why a run is over.</summary>
internal enum RunOutcome
{
    /// <summary>What was waited for came.</summary>
    Reached,

    /// <summary>The enclave ended before that, or not as an enclave should.</summary>
    Failed,

    /// <summary>It did not come in time.</summary>
    TimedOut,

    /// <summary>Ctrl-C.</summary>
    Interrupted,

    /// <summary>Nobody reads standard output any more.</summary>
    OutputClosed,
}
