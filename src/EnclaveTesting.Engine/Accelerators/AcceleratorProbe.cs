using System.Diagnostics;
using EnclaveTesting.Engine.Boot;
using EnclaveTesting.Engine.Machine;
using EnclaveTesting.Engine.Memory;
using Microsoft.Extensions.Logging.Abstractions;

namespace EnclaveTesting.Engine.Accelerators;

/// <summary>
/// Finds out by a guest of some 200 bytes whether an accelerator runs real code. There are KVMs that interpret the guest
/// kernel's instructions and know only few of them; none of their capabilities tells.
/// </summary>
/// <param name="Works">Whether guests can be expected to run.</param>
/// <param name="Finding">What was found, in words that follow "because".</param>
internal sealed record AcceleratorProbe(bool Works, string Finding)
{
    // A host with a hundred things to do may not run a guest for seconds.
    private static readonly TimeSpan DefaultPatience = TimeSpan.FromSeconds(10);

    private const ulong EntryFlags = 2; // interrupts off; bit 1 is always one

    /// <summary>Runs the probe guest; what cannot even be started did not work either. Takes some milliseconds, more only where a guest gets stuck or the host is very busy.</summary>
    /// <param name="accelerator">What is tried.</param>
    /// <param name="patience">How long the guest may take; 10 seconds if null.</param>
    public static AcceleratorProbe Run(IAccelerator accelerator, TimeSpan? patience = null)
    {
        TimeSpan limit = patience ?? DefaultPatience;
        var watch = Stopwatch.StartNew();
        using var bus = new ProbeBus();
        try
        {
            using GuestMemory memory = GuestMemory.Allocate(GuestMemory.MinimumSize);
            BootEntry entry = Load(memory);
            using IVirtualMachine machine = accelerator.CreateMachine(new VirtualMachineConfiguration(memory, 1, NullLogger.Instance), bus);
            machine.Start(entry);
            bool ended = bus.Wait(limit);
            machine.RequestStop();
            machine.Join();
            return Judge(bus, ended, limit, watch.Elapsed);
        }
        catch (Exception exception) when (exception is AcceleratorUnavailableException or GuestMemoryException)
        {
            return new AcceleratorProbe(false, exception.Message.TrimEnd('.'));
        }
    }

    private static AcceleratorProbe Judge(ProbeBus bus, bool ended, TimeSpan limit, TimeSpan time)
    {
        string letters = bus.Letters;
        if (letters == ProbeProgram.Success)
            return new AcceleratorProbe(true, $"a probe guest ran well on it in {Math.Ceiling(time.TotalMilliseconds)} ms");

        // The letters come in order, each when its part has worked.
        int done = letters.Zip(ProbeProgram.Success).TakeWhile(pair => pair.First == pair.Second).Count();
        string part = done switch
        {
            0 => "SSE2",
            1 => "cmpxchg16b",
            2 => "the local APIC's timer",
            _ => "the end",
        };
        string how = bus.Exit is { } exit ? exit.Detail : ended ? "wrong result." : $"nothing came within {limit.TotalMilliseconds} ms.";
        string bytes = bus.Exit is { InstructionBytes.IsEmpty: false } failed ? $" Bytes at RIP: {Convert.ToHexStringLower(failed.InstructionBytes.Span)}." : "";
        return new AcceleratorProbe(false, $"it does not run real code; a probe guest failed at {part}: {how}{bytes}");
    }

    private static BootEntry Load(GuestMemory memory)
    {
        ProbeProgram.Load(memory);
        CpuSystemRegisters system = FlatMode.LongModeWithSse(memory) with { Idtr = new DescriptorTable(ProbeProgram.Idt, ProbeProgram.IdtSize - 1) };
        var registers = new CpuRegisters { Rip = ProbeProgram.Code, Rsp = BootLayout.StackTop, Rflags = EntryFlags };
        return new BootEntry(registers, system);
    }

    /// <summary>A machine whose only device takes the probe's letters.</summary>
    private sealed class ProbeBus : IMachineBus, IDisposable
    {
        private readonly Lock _lock = new();
        private readonly ManualResetEventSlim _done = new();
        private string _letters = "";
        private VmExit? _exit;

        public string Letters
        {
            get
            {
                lock (_lock)
                    return _letters;
            }
        }

        public VmExit? Exit
        {
            get
            {
                lock (_lock)
                    return _exit;
            }
        }

        public bool Wait(TimeSpan limit) => _done.Wait(limit);

        public uint ReadPort(ushort port, int size) => uint.MaxValue;

        public void WritePort(ushort port, int size, uint value)
        {
            if (port != ProbeProgram.Port)
                return;
            lock (_lock)
            {
                // A probe that went wild is no reason to collect letters for ever.
                if (_letters.Length < ProbeProgram.Success.Length)
                    _letters += (char)(byte)value;
                if (!ProbeProgram.Success.StartsWith(_letters, StringComparison.Ordinal) || _letters.Length == ProbeProgram.Success.Length)
                    _done.Set();
            }
        }

        public void ReadMmio(GuestAddress address, Span<byte> data) => data.Fill(0xFF);

        public void WriteMmio(GuestAddress address, ReadOnlySpan<byte> data)
        {
        }

        public void DoHostWork()
        {
        }

        public void Ended(VmExit exit)
        {
            lock (_lock)
                _exit ??= exit;
            _done.Set();
        }

        public void Dispose() => _done.Dispose();
    }
}
