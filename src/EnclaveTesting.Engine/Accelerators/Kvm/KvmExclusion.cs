using System.Runtime.Versioning;

namespace EnclaveTesting.Engine.Accelerators.Kvm;

/// <summary>
/// Lets one at a time stop the virtual CPUs of a machine: whoever pauses it, and a CPU whose locked instruction the software CPU executes, which
/// knows nothing of other CPUs.
/// </summary>
[SupportedOSPlatform("linux")]
internal sealed class KvmExclusion(KvmVirtualCpu[] cpus)
{
    private readonly SemaphoreSlim _gate = new(1);

    /// <summary>Returns when no CPU but <paramref name="self"/>, on whose thread this is called, executes anything.</summary>
    /// <param name="self">A CPU of the machine, or null for somebody else.</param>
    public void Enter(KvmVirtualCpu? self)
    {
        // Whoever has the gate need not wait for this one.
        self?.BeginWaiting();
        _gate.Wait();
        foreach (KvmVirtualCpu cpu in cpus)
        {
            if (cpu != self)
                cpu.RequestPause();
        }

        foreach (KvmVirtualCpu cpu in cpus)
        {
            if (cpu != self)
                cpu.WaitUntilParked();
        }

        self?.EndWaiting();
    }

    /// <summary>Lets the others go on.</summary>
    /// <param name="self">As for <see cref="Enter"/>.</param>
    /// <param name="noticed">Whether the guest is told that it was stopped.</param>
    public void Leave(KvmVirtualCpu? self, bool noticed)
    {
        foreach (KvmVirtualCpu cpu in cpus)
        {
            if (cpu != self)
                cpu.Resume(noticed);
        }

        _gate.Release();
    }

    /// <summary>The machine ends: nobody waits here any more.</summary>
    public void Open() => _gate.Release(cpus.Length + 1);
}
