namespace EnclaveTesting.Engine.Devices.Nsm;

/// <summary>What is to be wrong with the attestation documents of an enclave, for tests of those who verify them.</summary>
public sealed record AttestationFaults
{
    /// <summary>Nothing is wrong.</summary>
    public static AttestationFaults None { get; } = new();

    /// <summary>The enclave's certificate ended an hour or more before the document was made.</summary>
    public bool ExpiredCertificate { get; init; }

    /// <summary>The chain is sound and has the usual names, but begins with a root that nobody knows.</summary>
    public bool WrongRoot { get; init; }

    /// <summary>The register, 0 to 31, that the document shows with every bit inverted; null for none.</summary>
    /// <exception cref="ArgumentOutOfRangeException">There is no such register.</exception>
    public int? WrongPcr
    {
        get;
        init
        {
            if (value is < 0 or >= PcrBank.Count)
                throw new ArgumentOutOfRangeException(nameof(value), value, $"Registers are numbered 0 to {PcrBank.Count - 1}.");
            field = value;
        }
    }

    /// <summary>One bit of the signature is inverted.</summary>
    public bool CorruptedSignature { get; init; }

    /// <summary>The member of the document that is left out, such as "pcrs"; null for none.</summary>
    /// <exception cref="ArgumentException">A document has no such member.</exception>
    public string? MissingField
    {
        get;
        init
        {
            if (value is not null && !AttestationFields.All.Contains(value))
                throw new ArgumentException($"A document has no {value}; it has {string.Join(", ", AttestationFields.All)}.", nameof(value));
            field = value;
        }
    }

    /// <summary>How long before the guest's time the document claims to have been made.</summary>
    public TimeSpan StaleBy { get; init; }
}
