namespace EnclaveTesting;

/// <summary>When things happened, since <see cref="Enclave.StartAsync"/> was called; null what has not.</summary>
public sealed record EnclaveTimings
{
    /// <summary>The machine was built and the image in its memory.</summary>
    public TimeSpan? Created { get; init; }

    /// <summary>All that was awaited had come.</summary>
    public TimeSpan? Ready { get; init; }

    /// <summary>The enclave ended.</summary>
    public TimeSpan? Exited { get; init; }
}
