using Microsoft.Extensions.Logging;

namespace EnclaveTesting;

/// <summary>What is logged about saved enclaves.</summary>
internal static partial class SnapshotLog
{
    [LoggerMessage(1, LogLevel.Warning, "The saved enclave cannot be used and was deleted: {Problem} The enclave boots.")]
    public static partial void Damaged(ILogger logger, string problem);

    [LoggerMessage(2, LogLevel.Warning, "The booted enclave was not saved in {Directory}: {Problem}")]
    public static partial void NotSaved(ILogger logger, string directory, string problem);

    [LoggerMessage(3, LogLevel.Warning, "The cache of saved enclaves in {Directory} is not used: {Problem}")]
    public static partial void NoCache(ILogger logger, string directory, string problem);

    [LoggerMessage(4, LogLevel.Warning, "{Enclave} boots, its saved state is not used: {Problem}")]
    public static partial void Rejected(ILogger logger, string enclave, string problem);

    [LoggerMessage(5, LogLevel.Warning, "{Enclave} was not saved: {Problem}")]
    public static partial void NotCaptured(ILogger logger, string enclave, string problem);
}
