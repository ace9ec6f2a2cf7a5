using EnclaveTesting.Attestation;

namespace EnclaveTesting.Kms;

/// <summary>A request that the fake key management service has answered.</summary>
/// <param name="Operation">Its name, such as "Decrypt".</param>
/// <param name="KeyId">The key it was for; null if there is none.</param>
/// <param name="Attestation">The document it came with, verified; null if it had none or one that does not verify.</param>
/// <param name="Error">The error it was answered with, such as "AccessDeniedException"; null if it succeeded.</param>
/// <param name="Message">What was said about the error; null if it succeeded.</param>
public sealed record KmsRequest(string Operation, string? KeyId, AttestationDocument? Attestation, string? Error, string? Message);
