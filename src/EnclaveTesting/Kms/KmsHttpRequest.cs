namespace EnclaveTesting.Kms;

/// <summary>A request as it came over HTTP.</summary>
/// <param name="Operation">What follows the dot in X-Amz-Target; empty if there is none.</param>
/// <param name="Body">Its body.</param>
/// <param name="KeepAlive">More may follow on the connection.</param>
/// <param name="Problem">Why it cannot be carried out; null if nothing is wrong with it.</param>
internal sealed record KmsHttpRequest(string Operation, ReadOnlyMemory<byte> Body, bool KeepAlive, string? Problem);
