using System.Globalization;
using EnclaveTesting.Attestation;
using EnclaveTesting.Engine.Devices.Nsm;
using EnclaveTesting.Engine.Eif;

namespace EnclaveTesting.Kms;

/// <summary>
/// Who may have a key's plaintexts: enclaves whose attested registers have these values. It is what a key policy's condition
/// with AWS's keys "kms:RecipientAttestation:ImageSha384" and "kms:RecipientAttestation:PCR0" to "…PCR31" says.
/// </summary>
public sealed class KmsKeyPolicy
{
    private const string Prefix = "kms:RecipientAttestation:";
    private const string ImageSha384 = Prefix + "ImageSha384";
    private const string Pcr = Prefix + "PCR";

    private readonly Dictionary<string, PcrValue> _conditions = new(StringComparer.OrdinalIgnoreCase);

    /// <summary>A policy with the conditions of a key policy document, all of which must hold.</summary>
    /// <param name="conditions">AWS's condition keys with the registers' values in hexadecimal, as one writes them under
    /// StringEqualsIgnoreCase.</param>
    /// <exception cref="ArgumentException">There is no condition, or one has another key.</exception>
    /// <exception cref="FormatException">A value is not 96 hexadecimal digits.</exception>
    public KmsKeyPolicy(IEnumerable<KeyValuePair<string, string>> conditions)
    {
        ArgumentNullException.ThrowIfNull(conditions);
        foreach (var (key, value) in conditions)
        {
            RegisterOf(key);
            _conditions.Add(key, PcrValue.Parse(value));
        }

        if (_conditions.Count == 0)
            throw new ArgumentException("A policy has at least one condition.", nameof(conditions));
    }

    /// <summary>A policy for one image, by its PCR0.</summary>
    public static KmsKeyPolicy ForImage(PcrValue pcr0) => new([new(ImageSha384, pcr0.ToString())]);

    /// <summary>A policy for one register: 8 for all images signed with one certificate, 3 for a role, 4 for an instance.</summary>
    /// <exception cref="ArgumentException">There is no such register.</exception>
    public static KmsKeyPolicy ForPcr(int index, PcrValue value) =>
        new([new(string.Create(CultureInfo.InvariantCulture, $"{Pcr}{index}"), value.ToString())]);

    /// <summary>The conditions with their values, one to a line.</summary>
    public override string ToString() => string.Join("\n", _conditions.Select(it => $"{it.Key}: {it.Value}"));

    /// <summary>The first condition that a request does not fulfil; null if it may have the plaintext.</summary>
    internal string? FindDenial(AttestationDocument? document)
    {
        foreach (var (key, value) in _conditions)
        {
            if (document is null)
                return $"{key} is required, and the request has no Recipient";
            if (!document.Pcrs.TryGetValue(RegisterOf(key), out var actual))
                return $"{key} is required, and the document does not show that register";
            if (actual != value)
                return $"{key} is {actual}, not {value}";
        }

        return null;
    }

    private static int RegisterOf(string key)
    {
        if (key.Equals(ImageSha384, StringComparison.OrdinalIgnoreCase))
            return 0;
        if (key.StartsWith(Pcr, StringComparison.OrdinalIgnoreCase)
            && int.TryParse(key.AsSpan(Pcr.Length), NumberStyles.None, CultureInfo.InvariantCulture, out int index) && index < PcrBank.Count)
            return index;
        throw new ArgumentException($"\"{key}\" is not a condition on an enclave; there are {ImageSha384} and {Pcr}0 to {Pcr}{PcrBank.Count - 1}.", nameof(key));
    }
}
