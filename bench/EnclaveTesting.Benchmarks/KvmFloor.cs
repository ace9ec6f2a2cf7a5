using System.ComponentModel;
using System.Diagnostics;
using System.Globalization;
using System.Runtime.InteropServices;
using System.Runtime.Versioning;
using EnclaveTesting.Engine.Accelerators;
using EnclaveTesting.Engine.Accelerators.Kvm;
using EnclaveTesting.Engine.Boot;
using EnclaveTesting.Engine.Devices;
using EnclaveTesting.Engine.Devices.Virtio;
using EnclaveTesting.Engine.Memory;
using EnclaveTesting.Engine.State;

namespace EnclaveTesting.Benchmarks;

/// <summary>
/// What KVM itself takes to have a saved machine run again: the calls of a restore, in its order, on one thread, and KVM_RUN until the guest needs
/// somebody for the first time. No device, no thread, nothing that waits for the guest.
/// </summary>
[SupportedOSPlatform("linux")]
internal static unsafe class KvmFloor
{
    private const string CpuThread = "enclave cpu 0";

    private static readonly Gsi[] Lines = [Gsi.Serial, new(MemoryLayout.VirtioMmioFirstGsi), new(MemoryLayout.VirtioMmioFirstGsi + 1)];

    // The virtio devices' queues: three of vsock, one of the security module.
    private static readonly (int Device, uint Queue)[] Doorbells = [(0, 0), (0, 1), (0, 2), (1, 0)];

    /// <summary>Milliseconds from nothing to KVM_RUN, and to the guest's first exit; of a machine with one CPU and without high memory.</summary>
    public static (double ToRun, double ToExit) Measure(MachineSnapshot snapshot)
    {
        bool emulated = AcceleratorChoice.Resolve(Accelerator.Kvm).Accelerator.IsInterpreter;
        KvmMachineState state = ReadState(snapshot);
        long begin = Stopwatch.GetTimestamp();
        using GuestMemory memory = snapshot.Memory.Clone();
        using FileDescriptor kvm = new KvmAccelerator().Open();
        using var vm = new FileDescriptor(KvmIoctl.Call(kvm, KvmIoctl.CreateVm));
        KvmVirtualMachine.PrepareAssist(vm, emulated);
        var region = new KvmMemoryRegion { Size = (ulong)memory.Size, HostAddress = (ulong)memory.HostBase };
        KvmIoctl.Call(vm, KvmIoctl.SetUserMemoryRegion, ref region);
        ulong identityMap = MemoryLayout.KvmIdentityMap;
        KvmIoctl.Call(vm, KvmIoctl.SetIdentityMapAddr, ref identityMap);
        KvmIoctl.Call(vm, KvmIoctl.SetTssAddr, unchecked((nint)MemoryLayout.KvmTss));
        KvmIoctl.Call(vm, KvmIoctl.CreateIrqchip);
        var pit = new KvmPitConfig { Flags = KvmPitConfig.SpeakerDummy };
        KvmIoctl.Call(vm, KvmIoctl.CreatePit2, ref pit);
        using var cpu = new FileDescriptor(KvmIoctl.Call(vm, KvmIoctl.CreateVcpu));
        nuint runSize = (nuint)KvmIoctl.Call(kvm, KvmIoctl.GetVcpuMmapSize);
        nint page = LibC.MMap(0, runSize, LibC.ProtRead | LibC.ProtWrite, LibC.MapShared, cpu, 0);
        if (page == -1)
            throw new Win32Exception();
        EventFd[] lines = [.. Lines.Select(_ => new EventFd())], bells = [.. Doorbells.Select(_ => new EventFd())];
        try
        {
            for (int i = 0; i < lines.Length; i++)
            {
                var irqfd = new KvmIrqfd { Fd = (uint)lines[i].Number, Gsi = Lines[i].Number };
                KvmIoctl.Call(vm, KvmIoctl.Irqfd, ref irqfd);
            }

            for (int i = 0; i < bells.Length; i++)
            {
                var watch = new KvmIoeventfd
                {
                    Value = Doorbells[i].Queue,
                    Address = KernelCommandLine.VirtioMmioAddress(Doorbells[i].Device) + VirtioMmio.QueueNotify,
                    Length = sizeof(uint),
                    Fd = bells[i].Number,
                    Flags = KvmIoeventfd.DataMatch,
                };
                KvmIoctl.Call(vm, KvmIoctl.Ioeventfd, ref watch);
            }

            KvmStateTransfer.Apply(vm, state);
            KvmStateTransfer.Apply(cpu, state.Cpus[0], state.Cpus[0].Extended.Length);
            _ = LibC.IoControl(cpu, KvmIoctl.KvmclockCtrl, 0);
            double ready = Stopwatch.GetElapsedTime(begin).TotalMilliseconds;

            // The guest is halted; an interrupt makes it ask its device why.
            lines[1].Signal();
            while (LibC.IoControl(cpu, KvmIoctl.Run, 0) < 0)
            {
                if (Marshal.GetLastPInvokeError() is not (LibC.Interrupted or LibC.Again))
                    throw new Win32Exception();
            }

            double exited = Stopwatch.GetElapsedTime(begin).TotalMilliseconds;
            var reason = (KvmExitReason)((KvmRun*)page)->ExitReason;
            return reason is KvmExitReason.Mmio or KvmExitReason.Io ? (ready, exited) : throw new InvalidDataException($"KVM stopped with exit reason {reason}.");
        }
        finally
        {
            foreach (EventFd descriptor in lines.Concat(bells))
                descriptor.Dispose();
            _ = LibC.MUnmap(page, runSize);
        }
    }

    /// <summary>How many milliseconds the CPU of the newest machine has executed so far, device accesses included: its thread's processor time.</summary>
    public static double GuestTime()
    {
        string newest = Directory.EnumerateDirectories("/proc/self/task")
            .Where(thread => File.ReadAllText(Path.Combine(thread, "comm")).StartsWith(CpuThread, StringComparison.Ordinal))
            .MaxBy(thread => int.Parse(Path.GetFileName(thread), CultureInfo.InvariantCulture)) ?? throw new InvalidOperationException("No machine runs.");
        return double.Parse(File.ReadAllText(Path.Combine(newest, "schedstat")).Split(' ')[0], CultureInfo.InvariantCulture) / 1e6;
    }

    private static KvmMachineState ReadState(MachineSnapshot snapshot)
    {
        var state = new KvmMachineState();
        snapshot.OpenState().Section("machine", part =>
        {
            // When it was saved.
            part.Value(0L);
            state.Exchange(part);
        });
        return state;
    }
}
