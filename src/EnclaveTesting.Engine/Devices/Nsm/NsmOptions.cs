using System.Collections.ObjectModel;
using EnclaveTesting.Engine.Eif;

namespace EnclaveTesting.Engine.Devices.Nsm;

/// <summary>What an enclave's security module knows of the world around it, and what is to be wrong with it.</summary>
public sealed record NsmOptions
{
    private const int MaxNameLength = 100;

    /// <summary>The parent instance, measured into PCR4.</summary>
    public string InstanceId { get; init; } = "i-0123456789abcdef0";

    /// <summary>The parent instance's IAM role, measured into PCR3; null leaves that register zero.</summary>
    public string? RoleArn { get; init; }

    /// <summary>The module's name; null makes one of the instance's name, as AWS does: i-…-enc0123456789abcdef.</summary>
    public string? ModuleId { get; init; }

    /// <summary>The AWS region that the certificates name.</summary>
    public string Region { get; init; } = "us-east-1";

    /// <summary>An enclave in debug mode shows zeroes in PCR0, 1, 2 and 8.</summary>
    public bool DebugMode { get; init; }

    /// <summary>Values that registers 0 to 31 have at the start, whatever was measured.</summary>
    public IReadOnlyDictionary<int, PcrValue> PcrOverrides { get; init; } = ReadOnlyDictionary<int, PcrValue>.Empty;

    /// <summary>How large the fields of an attestation request may be.</summary>
    public NsmFieldLimits Limits { get; init; } = NsmFieldLimits.Default;

    /// <summary>Who signs the certificates; null takes <see cref="AttestationAuthority.Default"/>.</summary>
    public AttestationAuthority? Authority { get; init; }

    /// <summary>What is wrong with the documents at the start.</summary>
    public AttestationFaults Faults { get; init; } = AttestationFaults.None;

    /// <summary>Makes GetRandom's bytes a function of this number; null takes the operating system's entropy.</summary>
    public ulong? RandomSeed { get; init; }

    internal string EffectiveModuleId => ModuleId ?? InstanceId + "-enc0123456789abcdef";

    /// <summary>Throws for values that no module can have.</summary>
    /// <exception cref="ArgumentException">A name is empty or longer than 100 characters, or a register is not 0 to 31.</exception>
    internal void Validate()
    {
        CheckName(InstanceId, nameof(InstanceId));
        CheckName(EffectiveModuleId, nameof(ModuleId));
        CheckName(Region, nameof(Region));
        foreach (int index in PcrOverrides.Keys)
        {
            if (index is < 0 or >= PcrBank.Count)
                throw new ArgumentException($"There is no PCR{index}: {nameof(PcrOverrides)} takes 0 to {PcrBank.Count - 1}.");
        }
    }

    private static void CheckName(string name, string option)
    {
        if (string.IsNullOrEmpty(name) || name.Length > MaxNameLength)
            throw new ArgumentException($"{option} must have 1 to {MaxNameLength} characters, not {name?.Length ?? 0}.");
    }
}
