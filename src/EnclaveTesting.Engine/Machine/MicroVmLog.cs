using EnclaveTesting.Engine.Accelerators;
using EnclaveTesting.Engine.Boot.Decompression;
using Microsoft.Extensions.Logging;

namespace EnclaveTesting.Engine.Machine;

/// <summary>What a machine logs.</summary>
internal static partial class MicroVmLog
{
    [LoggerMessage(1, LogLevel.Information, "{Image}: {Memory} MiB, {Cpus} vCPUs, CID {Cid}, accelerator {Accelerator} because {Reason}")]
    public static partial void Created(ILogger logger, string image, long memory, int cpus, uint cid, Accelerator accelerator, string reason);

    [LoggerMessage(2, LogLevel.Information, "{Image} ended: {Reason}: {Detail}")]
    public static partial void Ended(ILogger logger, string image, VmExitReason reason, string detail);

    [LoggerMessage(4, LogLevel.Information, "{Image}: kernel unpacked ({Format}, {Packed} to {Unpacked} bytes)")]
    public static partial void KernelUnpacked(ILogger logger, string image, CompressionFormat format, long packed, long unpacked);

    [LoggerMessage(5, LogLevel.Information, "{Image}: the kernel is left to unpack itself: {Reason}")]
    public static partial void KernelNotUnpacked(ILogger logger, string image, string reason);

    [LoggerMessage(6, LogLevel.Information, "{Image}: {Count} packed ramdisks unpacked; the initrd has {Size} bytes")]
    public static partial void RamdisksUnpacked(ILogger logger, string image, int count, long size);

    [LoggerMessage(7, LogLevel.Information, "{Image}: the ramdisks are left to the kernel to unpack: {Reason}")]
    public static partial void RamdisksNotUnpacked(ILogger logger, string image, string reason);

    [LoggerMessage(3, LogLevel.Warning, "{Problem}")]
    public static partial void DeviceFault(ILogger logger, string problem);

    [LoggerMessage(4, LogLevel.Information, "{Image} restored from {Source}, accelerator {Accelerator}")]
    public static partial void Restored(ILogger logger, string image, string source, Accelerator accelerator);
}
