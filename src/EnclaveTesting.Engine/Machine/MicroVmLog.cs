using EnclaveTesting.Engine.Accelerators;
using Microsoft.Extensions.Logging;

namespace EnclaveTesting.Engine.Machine;

/// <summary>What a machine logs.</summary>
internal static partial class MicroVmLog
{
    [LoggerMessage(1, LogLevel.Information, "{Image}: {Memory} MiB, {Cpus} vCPUs, CID {Cid}, accelerator {Accelerator} because {Reason}")]
    public static partial void Created(ILogger logger, string image, long memory, int cpus, uint cid, Accelerator accelerator, string reason);

    [LoggerMessage(2, LogLevel.Information, "{Image} ended: {Reason}: {Detail}")]
    public static partial void Ended(ILogger logger, string image, VmExitReason reason, string detail);

    [LoggerMessage(3, LogLevel.Warning, "{Problem}")]
    public static partial void DeviceFault(ILogger logger, string problem);

    [LoggerMessage(4, LogLevel.Information, "{Image} restored from {Source}, accelerator {Accelerator}")]
    public static partial void Restored(ILogger logger, string image, string source, Accelerator accelerator);
}
