using System.Runtime.Versioning;
using EnclaveTesting.Engine.Devices;

namespace EnclaveTesting.Engine.Accelerators.Kvm;

/// <summary>A GSI behind an irqfd: each signal is one edge.</summary>
[SupportedOSPlatform("linux")]
internal sealed class KvmInterruptLine : IInterruptLine, IDisposable
{
    private readonly EventFd _event = new();
    private bool _asserted;

    public KvmInterruptLine(FileDescriptor vm, Gsi gsi)
    {
        try
        {
            var irqfd = new KvmIrqfd { Fd = (uint)_event.Number, Gsi = gsi.Number };
            KvmIoctl.Call(vm, KvmIoctl.Irqfd, ref irqfd);
        }
        catch
        {
            _event.Dispose();
            throw;
        }
    }

    /// <inheritdoc/>
    public void SetLevel(bool asserted)
    {
        if (asserted && !_asserted)
            _event.Signal();
        _asserted = asserted;
    }

    /// <summary>Gives the guest an interrupt, whatever the level.</summary>
    public void Signal() => _event.Signal();

    public void Dispose() => _event.Dispose();
}
