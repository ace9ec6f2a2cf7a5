using EnclaveTesting.Engine.Devices.Nsm;
using EnclaveTesting.Engine.Eif;

namespace EnclaveTesting.Attestation;

/// <summary>What can be asserted about an attestation document.</summary>
internal static class AttestationFindings
{
    public static Finding<AttestationDocument> Pcr(AttestationDocument document, int index, PcrValue value)
    {
        string? seen = !document.Pcrs.TryGetValue(index, out PcrValue actual) ? "the document has no such register"
            : actual != value ? $"it is {(actual.IsZero ? "zero, as in debug mode" : actual.ToString())}" : null;
        return Of(document, $"PCR{index} to be {value}", seen);
    }

    public static Finding<AttestationDocument> Measurements(AttestationDocument document, EifMeasurements measurements)
    {
        (int Index, PcrValue Value)[] expected = [(0, measurements.Pcr0), (1, measurements.Pcr1), (2, measurements.Pcr2), (8, measurements.Pcr8 ?? default)];
        foreach ((int index, PcrValue value) in expected)
        {
            Finding<AttestationDocument> finding = Pcr(document, index, value);
            if (!finding.Holds)
                return finding with { Expected = $"the document to show the image's measurements: {finding.Expected}" };
        }

        return Of(document, "", null);
    }

    public static Finding<AttestationDocument> Bytes(AttestationDocument document, string name, ReadOnlyMemory<byte>? actual, ReadOnlyMemory<byte> expected) =>
        Of(document, $"the {name} to be {AttestationDocument.Show(expected)}",
            actual is not { } found ? "the document has none" : found.Span.SequenceEqual(expected.Span) ? null : $"it is {AttestationDocument.Show(found)}");

    public static Finding<AttestationDocument> SignedBy(AttestationDocument document, AttestationAuthority? authority) =>
        Verified(document, "the document to be signed under the authority's root", AttestationPolicy.Trusting(authority) with
        {
            MaximumAge = null,
            TimeProvider = new TimeOf(document),
        });

    public static Finding<AttestationDocument> Policy(AttestationDocument document, AttestationPolicy policy) => Verified(document, "the document to verify", policy);

    private static Finding<AttestationDocument> Verified(AttestationDocument document, string expected, AttestationPolicy policy)
    {
        try
        {
            document.Verify(policy);
            return Of(document, expected, null);
        }
        catch (AttestationException exception)
        {
            return Of(document, expected, exception.Message.TrimEnd('.').Replace("The attestation document fails", "it fails", StringComparison.Ordinal));
        }
    }

    private static Finding<AttestationDocument> Of(AttestationDocument document, string expected, string? seen) =>
        new(document, expected, seen, seen is null ? "" : "Document:\n" + Text.Indent(document.ToString()));

    /// <summary>When the document was made: whether its certificates were valid then is part of its signature, its age is not.</summary>
    private sealed class TimeOf(AttestationDocument document) : TimeProvider
    {
        public override DateTimeOffset GetUtcNow() => document.Timestamp;
    }
}
