using EnclaveTesting.Engine.Accelerators;
using EnclaveTesting.Engine.Accelerators.Software.Chipset;
using EnclaveTesting.Engine.Devices;
using EnclaveTesting.Engine.Machine;
using EnclaveTesting.Engine.Memory;
using Microsoft.Extensions.Logging.Abstractions;

namespace EnclaveTesting.Engine.Tests.Software.Chipset;

/// <summary>What a software CPU reaches: which access goes where, and how a device's line becomes a vector.</summary>
public sealed class SoftwareChipsetTests : IMachineBus, IApicHost, IDisposable
{
    private const ulong LocalApic = 0xFEE0_0000, IoApic = 0xFEC0_0000;

    private readonly GuestMemory _memory = GuestMemory.Allocate(GuestMemory.MinimumSize);
    private readonly ManualClock _clock = new();
    private readonly UnimplementedInstructions _unimplemented = new();
    private readonly List<string> _seen = [];
    private readonly SoftwareChipset _chipset;

    public SoftwareChipsetTests() => _chipset = new SoftwareChipset(
        new VirtualMachineConfiguration(_memory, 2, NullLogger.Instance), this, _clock, TimeProvider.System, this, _unimplemented);

    [Fact]
    public void The_legacy_timer_reaches_the_boot_cpu_through_the_8259_pair()
    {
        foreach ((ushort port, byte value) in new (ushort, byte)[] { (0x20, 0x11), (0x21, 0x30), (0x21, 4), (0x21, 1), (0x43, 0x34), (0x40, 0xA9), (0x40, 4) })
            _chipset.WritePort(port, 1, value);
        _clock.Advance(1_001_000);

        _seen.Should().Contain("interrupt 0");
        _chipset.HasInterrupt(0).Should().BeTrue();
        _chipset.HasInterrupt(1).Should().BeFalse("the pair is wired to the boot CPU");
        _chipset.TakeInterrupt(1).Should().Be(-1);
        _chipset.TakeInterrupt(0).Should().Be(0x30);
        _chipset.TakeInterrupt(0).Should().Be(-1);
    }

    [Fact]
    public void Lines_reach_the_io_apic_and_the_timer_its_pin_2()
    {
        _chipset.WritePort(0x21, 1, 0xFF);
        Enable(1);
        foreach ((uint pin, uint vector) in new (uint, uint)[] { (2, 0x42), (4, 0x44), (23, 0x57) })
            Redirect(pin, vector, destination: 1);

        _chipset.SetLine(Gsi.Serial, true);
        _chipset.SetLine(new Gsi(23), true);
        _chipset.SetLine(new Gsi(24), true);
        _chipset.WritePort(0x43, 1, 0x30);
        _chipset.WritePort(0x40, 1, 0x10);
        _chipset.WritePort(0x40, 1, 0x00);
        _clock.Advance(1_000_000);

        _seen.Should().Contain("interrupt 1").And.NotContain("interrupt 0");
        var vectors = new List<int>();
        _chipset.Running = 1;
        for (int vector = _chipset.TakeInterrupt(1); vector >= 0; vector = _chipset.TakeInterrupt(1))
        {
            vectors.Add(vector);
            _chipset.WriteMmio(LocalApic + 0xB0, 4, 0);
        }

        vectors.Should().Equal(0x57, 0x44, 0x42);
    }

    [Fact]
    public void The_local_apic_is_that_of_the_cpu_that_asks()
    {
        _chipset.ReadMmio(LocalApic + 0x20, 4).Should().Be(0);
        _chipset.Running = 1;
        _chipset.ReadMmio(LocalApic + 0x20, 4).Should().Be(1 << 24);
    }

    [Fact]
    public void The_local_apics_window_moves_and_goes()
    {
        _chipset.TryWriteMsr(0, 0x1B, 0xD800_0900).Should().BeTrue();
        _chipset.ReadMmio(0xD800_0030, 4).Should().Be(0x50014);
        _chipset.ReadMmio(LocalApic + 0x30, 4).Should().Be(0x1111_1111);
        _chipset.TryWriteMsr(0, 0x1B, 0xD800_0D00).Should().BeTrue();
        _chipset.ReadMmio(0xD800_0030, 4).Should().Be(0x1111_1111);
        _chipset.TryReadMsr(0, 0x803, out ulong version).Should().BeTrue();
        version.Should().Be(0x50014);
        _seen.Should().Equal("read fee00030 4", "read d8000030 4");
    }

    [Fact]
    public void Everything_else_goes_to_the_machines_bus()
    {
        _chipset.ReadPort(0x3F8, 1).Should().Be(0x77);
        _chipset.WritePort(0xCF8, 4, 0x8000_0000);
        _chipset.ReadMmio(0xD000_0000, 8).Should().Be(0x1111_1111_1111_1111);
        _chipset.WriteMmio(0xD000_0050, 2, 0xFFFF_0001);

        _seen.Should().Equal("in 3f8 1", "out cf8 4 80000000", "read d0000000 8", "write d0000050 0100");
    }

    [Fact]
    public void Wide_accesses_that_touch_the_chipset_are_split()
    {
        _chipset.WritePort(0x20, 2, 0xAB0B);
        _chipset.ReadPort(0x21, 1).Should().Be(0xAB);
        _chipset.ReadPort(0x21, 2).Should().Be(0x77AB);
        _chipset.WritePort(0x3F, 4, 0xFFFF_FF12);

        _seen.Should().Equal("in 22 1", "out 3f 1 12");
    }

    [Fact]
    public void The_counter_can_be_set_and_the_clock_goes_with_it()
    {
        _clock.Advance(1000);
        _chipset.TryWriteMsr(1, 0x4B56_4D01, 0x2001).Should().BeTrue();
        _chipset.TryWriteMsr(1, 0x10, 1_000_000).Should().BeTrue();

        _chipset.ReadTsc(1).Should().Be(1_000_000);
        _chipset.ReadTsc(0).Should().Be(1000);
        _chipset.TryReadMsr(1, 0x3B, out ulong adjust).Should().BeTrue();
        adjust.Should().Be(999_000);
        _memory.TryRead(new GuestAddress(0x2008), out ulong timestamp).Should().BeTrue();
        timestamp.Should().Be(999_000);
        _chipset.TryWriteMsr(1, 0x3B, 0).Should().BeTrue();
        _chipset.ReadTsc(1).Should().Be(1000);
    }

    [Fact]
    public void Unknown_registers_are_refused()
    {
        _chipset.TryReadMsr(0, 0x1234_5678, out _).Should().BeFalse();
        _chipset.TryWriteMsr(0, 0x1234_5678, 0).Should().BeFalse();
    }

    [Fact]
    public void Unknown_instructions_are_noted_once_for_each_kind_and_not_without_end()
    {
        _chipset.NoteUnimplemented(0, 0x1000, [0x0F, 0x01, 0xCA, 0x90]);
        _chipset.NoteUnimplemented(0, 0x1000, [0x0F, 0x01, 0xCA, 0x90]);
        _chipset.NoteUnimplemented(1, 0x2000, [0x0F, 0x01, 0xCA, 0xC3]);
        _unimplemented.Describe().Should().Equal("unimplemented instruction at 0x1000: clac (0f01ca)");

        for (int i = 0; i < 100_000; i++)
            _chipset.NoteUnimplemented(0, (ulong)i * 16, [0x0F, 0xFF, (byte)i, (byte)(i >> 8), 0xFF, 0xFF, 0xFF, 0xFF, 0xFF, 0xFF, 0xFF, 0xFF, 0xFF, 0xFF, 0xFF]);
        _unimplemented.Describe().Should().HaveCountLessThan(100);
    }

    [Fact]
    public void Random_accesses_harm_nothing()
    {
        const int seed = 4711;
        var random = new Random(seed);
        for (int i = 0; i < 200_000; i++)
        {
            int cpu = _chipset.Running = random.Next(2);
            uint value = random.Next(3) == 0 ? (uint)random.Next(256) : (uint)random.NextInt64(1L << 32);
            int size = 1 << random.Next(4);
            ulong address = random.Next(3) switch
            {
                0 => LocalApic + (ulong)(random.Next(0x400) & ~0xF),
                1 => IoApic + (ulong)(random.Next(2) * 0x10),
                _ => (random.Next(2) == 0 ? LocalApic : IoApic) + (ulong)random.Next(0x1000),
            };
            switch (random.Next(8))
            {
                case 0:
                    _ = _chipset.ReadMmio(address, size);
                    break;
                case 1 or 2:
                    _chipset.WriteMmio(address, random.Next(4) == 0 ? size : 4, value);
                    break;
                case 3:
                    _chipset.WritePort(Port(random), 1 << random.Next(3), value);
                    break;
                case 4:
                    _ = _chipset.ReadPort(Port(random), 1 << random.Next(3));
                    break;
                case 5:
                    _chipset.SetLine(new Gsi((uint)random.Next(26)), random.Next(2) == 0);
                    break;
                case 6:
                    uint msr = random.Next(4) switch { 0 => 0x1Bu, 1 => 0x6E0, 2 => 0x800u + (uint)random.Next(0x40), _ => 0x4B56_4D00u + (uint)random.Next(2) };
                    _chipset.TryWriteMsr(cpu, msr, msr == 0x1B ? LocalApic | (value & 0xD00) : ((ulong)value << random.Next(33)) | value);
                    _chipset.TryReadMsr(cpu, msr, out _);
                    break;
                default:
                    _clock.Leap((ulong)random.Next(10_000));
                    // A level with automatic end of interrupt comes for ever.
                    for (int taken = 0; taken < 300 && _chipset.HasInterrupt(cpu); taken++)
                        _chipset.TakeInterrupt(cpu).Should().BeInRange(0, 255, $"what is pending can be taken (seed {seed}, step {i})");
                    if (!_chipset.HasInterrupt(cpu))
                        _chipset.TakeInterrupt(cpu).Should().Be(-1, $"and nothing else can (seed {seed}, step {i})");
                    break;
            }
        }
    }

    public void Dispose() => _memory.Dispose();

    uint IMachineBus.ReadPort(ushort port, int size)
    {
        _seen.Add($"in {port:x} {size}");
        return 0x77;
    }

    void IMachineBus.WritePort(ushort port, int size, uint value) => _seen.Add($"out {port:x} {size} {value:x}");

    void IMachineBus.ReadMmio(GuestAddress address, Span<byte> data)
    {
        _seen.Add($"read {address.Value:x} {data.Length}");
        data.Fill(0x11);
    }

    void IMachineBus.WriteMmio(GuestAddress address, ReadOnlySpan<byte> data) => _seen.Add($"write {address.Value:x} {Convert.ToHexStringLower(data)}");

    void IMachineBus.DoHostWork()
    {
    }

    void IMachineBus.Ended(VmExit exit)
    {
    }

    void IApicHost.InterruptPending(int cpu) => _seen.Add($"interrupt {cpu}");

    void IApicHost.NonMaskable(int cpu) => _seen.Add($"nmi {cpu}");

    void IApicHost.Init(int cpu) => _seen.Add($"init {cpu}");

    void IApicHost.StartUp(int cpu, byte page) => _seen.Add($"start {cpu}");

    private static ushort Port(Random random)
    {
        ushort[] ports = [0x1F, 0x20, 0x21, 0x40, 0x41, 0x42, 0x43, 0x61, 0xA0, 0xA1, 0x4D0, 0x4D1, 0xFFFF];
        return ports[random.Next(ports.Length)];
    }

    private void Enable(int cpu)
    {
        _chipset.Running = cpu;
        _chipset.WriteMmio(LocalApic + 0xF0, 4, 0x1FF);
    }

    private void Redirect(uint pin, uint vector, uint destination)
    {
        _chipset.WriteMmio(IoApic, 4, 0x11 + (2 * pin));
        _chipset.WriteMmio(IoApic + 0x10, 4, destination << 24);
        _chipset.WriteMmio(IoApic, 4, 0x10 + (2 * pin));
        _chipset.WriteMmio(IoApic + 0x10, 4, vector);
    }
}
