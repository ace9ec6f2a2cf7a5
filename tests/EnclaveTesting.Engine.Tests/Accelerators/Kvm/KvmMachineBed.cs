using System.Runtime.Versioning;
using System.Text;
using EnclaveTesting.Engine.Accelerators;
using EnclaveTesting.Engine.Accelerators.Kvm;
using EnclaveTesting.Engine.Boot;
using EnclaveTesting.Engine.Eif;
using EnclaveTesting.Engine.Machine;
using EnclaveTesting.Engine.Memory;
using EnclaveTesting.Engine.Tests.Machine;
using Iced.Intel;
using Microsoft.Extensions.Logging.Abstractions;

namespace EnclaveTesting.Engine.Tests.Accelerators.Kvm;

/// <summary>
/// A machine on KVM without the engine's devices: a serial port that takes bytes, a keyboard controller that resets, and a port on which
/// a program and the test talk. It can move to another virtual machine while it runs.
/// </summary>
[SupportedOSPlatform("linux")]
internal sealed class KvmMachineBed : IMachineBus, IDisposable
{
    public const ulong Code = 0x2000, Data = 0x4000, Results = 0x6000, Idt = 0x7000;
    public const ushort UserData = 0x28, UserCode = 0x30;
    public const byte Port = 0xF4;

    private const ushort Serial = 0x3F8, SerialInterrupt = 0x3FA, SerialStatus = 0x3FD, Keyboard = 0x64;
    private const int MemorySize = 8 << 20;

    private readonly int _cpus;
    private readonly StringBuilder _console = new();
    private readonly TaskCompletionSource<VmExit> _ended = new(TaskCreationOptions.RunContinuationsAsynchronously);
    private readonly List<(int Length, TaskCompletionSource Reached)> _waiting = [];
    private readonly bool _assist;
    private volatile uint _answer;
    private volatile int _room = int.MaxValue;

    private KvmMachineBed(int cpus, bool assist = false)
    {
        _cpus = cpus;
        _assist = assist;
        Memory = GuestMemory.Allocate(MemorySize);
        Machine = Create();
    }

    public GuestMemory Memory { get; private set; }

    public KvmVirtualMachine Machine { get; private set; }

    public Task<VmExit> Ended => _ended.Task.WaitAsync(BareMetalGuest.Patience);

    /// <summary>What reads of <see cref="Port"/> are answered with.</summary>
    public uint Answer
    {
        set => _answer = value;
    }

    /// <summary>
    /// How long the console may become before the serial port says that it is busy: the guest stays where it is, however long the test takes, until there is
    /// room again. It sends up to 16 bytes for each look.
    /// </summary>
    public int Room
    {
        set => _room = value;
    }

    /// <summary>What the serial port and <see cref="Port"/> took.</summary>
    public string Console
    {
        get
        {
            lock (_console)
                return _console.ToString();
        }
    }

    private bool HasRoom
    {
        get
        {
            lock (_console)
                return _console.Length < _room;
        }
    }

    /// <summary>Starts one of guest/baremetal.</summary>
    public static KvmMachineBed Start(string guest, int cpus, int room = int.MaxValue)
    {
        var bed = new KvmMachineBed(cpus) { Room = room };
        using var image = EifImage.Load(BareMetalGuest.Image(guest).Build());
        bed.Machine.Start(LinuxBoot.Load(image, bed.Memory, new PlatformDescription(cpus, VirtioDevices: 0, Acpi: false), "console=ttyS0", default).Entry);
        return bed;
    }

    /// <summary>Starts a 64-bit program in ring 0, with the first 4 GiB mapped, SSE on and interrupts off.</summary>
    /// <param name="program">What it does; it stands at <see cref="Code"/>.</param>
    /// <param name="data">What lies at <see cref="Data"/>.</param>
    /// <param name="assist">Whether the software CPU helps.</param>
    /// <param name="prepare">Puts more into memory; gets the page tables' root.</param>
    public static KvmMachineBed Start(Action<Assembler> program, ReadOnlySpan<byte> data = default, bool assist = false, Action<GuestMemory, ulong>? prepare = null)
    {
        var bed = new KvmMachineBed(1, assist);
        Put(bed.Memory, Code, program);
        bed.Memory.Write(new GuestAddress(Data), data);
        CpuSystemRegisters system = FlatMode.LongModeWithSse(bed.Memory) with
        {
            Gdtr = new DescriptorTable(BootLayout.Gdt, UserCode + 7),
            Idtr = new DescriptorTable(Idt, 0xFF),
        };
        prepare?.Invoke(bed.Memory, system.Cr3);
        bed.Machine.Start(new BootEntry(new CpuRegisters { Rip = Code, Rsp = BootLayout.StackTop, Rflags = 2 }, system));
        return bed;
    }

    /// <summary>Assembles 64-bit code.</summary>
    public static void Put(GuestMemory memory, ulong address, Action<Assembler> program)
    {
        var assembler = new Assembler(64);
        program(assembler);
        var code = new MemoryStream();
        assembler.Assemble(new StreamCodeWriter(code), address);
        memory.Write(new GuestAddress(address), code.ToArray());
    }

    /// <summary>Completes when the console is this long, or the guest has ended.</summary>
    public async Task WaitForConsoleAsync(int length)
    {
        var reached = new TaskCompletionSource(TaskCreationOptions.RunContinuationsAsynchronously);
        lock (_console)
        {
            if (_console.Length >= length)
                return;
            _waiting.Add((length, reached));
        }

        await Task.WhenAny(reached.Task, _ended.Task).WaitAsync(BareMetalGuest.Patience);
    }

    /// <summary>Pauses, captures, and goes on in a new virtual machine around a copy of the memory; the old one is no more.</summary>
    public unsafe KvmMachineState Move(Action<KvmMachineState>? change = null)
    {
        Machine.Pause();
        KvmMachineState state = Machine.Capture();
        change?.Invoke(state);
        KvmVirtualMachine old = Machine;
        GuestMemory copied = Memory;
        Memory = GuestMemory.Allocate(MemorySize);
        new ReadOnlySpan<byte>(copied.HostBase, MemorySize).CopyTo(new Span<byte>(Memory.HostBase, MemorySize));
        old.Dispose();
        copied.Dispose();
        Machine = Create();
        Machine.Start(state);
        return state;
    }

    public uint ReadPort(ushort port, int size) => port switch
    {
        Port => _answer,
        SerialInterrupt => 0xC1,
        SerialStatus => HasRoom ? 0x60u : 0,
        _ => uint.MaxValue,
    };

    public void WritePort(ushort port, int size, uint value)
    {
        if (port is Serial or Port)
        {
            lock (_console)
            {
                _console.Append((char)(byte)value);
                foreach ((_, TaskCompletionSource reached) in _waiting.FindAll(one => one.Length <= _console.Length))
                    reached.TrySetResult();
            }
        }
        else if (port == Keyboard && value == 0xFE)
        {
            End(new VmExit(VmExitReason.Reboot, ""));
        }
    }

    public void ReadMmio(GuestAddress address, Span<byte> data) => data.Fill(0xFF);

    public void WriteMmio(GuestAddress address, ReadOnlySpan<byte> data)
    {
    }

    public void DoHostWork()
    {
    }

    void IMachineBus.Ended(VmExit exit) => End(exit);

    public void Dispose()
    {
        Machine.Dispose();
        Memory.Dispose();
    }

    private void End(VmExit exit)
    {
        _ended.TrySetResult(exit);
        Machine.RequestStop();
    }

    private KvmVirtualMachine Create() =>
        (KvmVirtualMachine)new KvmAccelerator { IsInterpreter = _assist && !KvmFactAttribute.Probe.Works }
            .CreateMachine(new VirtualMachineConfiguration(Memory, _cpus, NullLogger.Instance) { SoftwareAssist = _assist }, this);
}
