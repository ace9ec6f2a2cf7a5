using System.Collections.Concurrent;
using EnclaveTesting.Engine.Accelerators;
using EnclaveTesting.Engine.Accelerators.Software;
using EnclaveTesting.Engine.Boot;
using EnclaveTesting.Engine.Devices.Virtio;
using EnclaveTesting.Engine.Machine;
using EnclaveTesting.Engine.Memory;
using EnclaveTesting.Engine.Tests.Machine;
using Iced.Intel;
using Microsoft.Extensions.Logging.Abstractions;

namespace EnclaveTesting.Engine.Tests.Software;

/// <summary>
/// A machine of software CPUs with a program of a few instructions (32-bit, flat, no paging, interrupts off) and a bus that
/// writes down what comes.
/// </summary>
internal sealed class SoftwareMachineBed : IMachineBus, IDisposable
{
    public const ulong Code = 0x2000, Idt = 0x4000, StartPage = 0x8000;
    public const ushort Port = 0xF4;

    private readonly GuestMemory _memory = GuestMemory.Allocate(GuestMemory.MinimumSize);
    private readonly TaskCompletionSource<VmExit> _ended = new(TaskCreationOptions.RunContinuationsAsynchronously);
    private readonly SemaphoreSlim _worked = new(0);

    public SoftwareMachineBed(Action<Assembler> program, int cpus = 1, bool virtualTime = false)
    {
        Put(Code, 32, program);
        Machine = new SoftwareAccelerator(virtualTime).CreateMachine(new VirtualMachineConfiguration(_memory, cpus, NullLogger.Instance), this);
    }

    public IVirtualMachine Machine { get; }

    /// <summary>What the program has written to <see cref="Port"/>.</summary>
    public ConcurrentQueue<uint> Written { get; } = [];

    /// <summary>Called for each write, on the machine's thread.</summary>
    public Action<uint>? OnWrite { get; set; }

    /// <summary>Called for the host's work, on the machine's thread.</summary>
    public Action? OnHostWork { get; set; }

    /// <summary>Writes to RAM as a virtio device does, on the machine's thread.</summary>
    public void WriteByDevice(ulong address, ReadOnlySpan<byte> bytes)
    {
        var chain = new DescriptorChain(_memory, 1);
        chain.Begin(0);
        chain.Append(new GuestAddress(address), (uint)bytes.Length, writable: true).Should().BeNull();
        chain.Write(0, bytes).Should().Be(bytes.Length);
    }

    public void Put(ulong address, int bitness, Action<Assembler> program)
    {
        var assembler = new Assembler(bitness);
        program(assembler);
        using var stream = new MemoryStream();
        assembler.Assemble(new StreamCodeWriter(stream), address);
        _memory.Write(new GuestAddress(address), stream.ToArray());
    }

    /// <summary>Makes a 32-bit interrupt gate.</summary>
    public void SetGate(int vector, ulong handler) =>
        _memory.Write(new GuestAddress(Idt + ((ulong)vector * 8)), (handler & 0xFFFF) | ((ulong)BootLayout.CodeSelector << 16) | (0x8EUL << 40) | (handler >> 16 << 48));

    public void Start()
    {
        Machine.Start(new BootEntry(
            new CpuRegisters { Rip = Code, Rsp = BootLayout.StackTop, Rflags = 2 },
            FlatMode.Segments(_memory, SegmentRegister.Code32(BootLayout.CodeSelector)) with
            {
                Idtr = new DescriptorTable(Idt, 0x7FF),
                Cr0 = 0x11,
            }));
    }

    public Task<VmExit> EndAsync() => _ended.Task.WaitAsync(BareMetalGuest.Patience);

    /// <summary>Waits until the host's work was done once more.</summary>
    public async Task HostWorkAsync() => (await _worked.WaitAsync(BareMetalGuest.Patience)).Should().BeTrue();

    public uint ReadPort(ushort port, int size) => uint.MaxValue;

    public void WritePort(ushort port, int size, uint value)
    {
        if (port != Port)
            return;
        Written.Enqueue(value);
        OnWrite?.Invoke(value);
    }

    public void ReadMmio(GuestAddress address, Span<byte> data) => data.Fill(0xFF);

    public void WriteMmio(GuestAddress address, ReadOnlySpan<byte> data)
    {
    }

    public void DoHostWork()
    {
        OnHostWork?.Invoke();
        _worked.Release();
    }

    public void Ended(VmExit exit)
    {
        _ended.TrySetResult(exit);
        Machine.RequestStop();
    }

    public void Dispose()
    {
        Machine.Dispose();
        _memory.Dispose();
        _worked.Dispose();
    }
}
