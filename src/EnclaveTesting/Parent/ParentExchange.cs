namespace EnclaveTesting;

/// <summary>Bytes that went one way before any went the other.</summary>
/// <param name="FromEnclave">Whether the enclave sent them.</param>
/// <param name="Bytes">The bytes.</param>
internal sealed record ParentExchange(bool FromEnclave, ReadOnlyMemory<byte> Bytes)
{
    /// <summary>Direction and first bytes.</summary>
    public override string ToString() => (FromEnclave ? "enclave: " : "parent:  ") + Transcript.Describe(Bytes.Span, Bytes.Length);
}
