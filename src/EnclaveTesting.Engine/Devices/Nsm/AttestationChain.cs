namespace EnclaveTesting.Engine.Devices.Nsm;

/// <summary>The key that signs an enclave's documents, its certificate, and those above it.</summary>
/// <param name="Key">The enclave's key.</param>
/// <param name="Certificate">The enclave's certificate in DER.</param>
/// <param name="CaBundle">The certificates above it in DER, the root first.</param>
/// <param name="NotBefore">From when the documents verify.</param>
/// <param name="RenewAt">When another chain is due.</param>
internal sealed record AttestationChain(
    AttestationKey Key, byte[] Certificate, IReadOnlyList<byte[]> CaBundle, DateTimeOffset NotBefore, DateTimeOffset RenewAt)
{
    public bool Covers(DateTimeOffset time) => time >= NotBefore && time < RenewAt;
}
