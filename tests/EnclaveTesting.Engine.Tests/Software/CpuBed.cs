using EnclaveTesting.Engine.Accelerators;
using EnclaveTesting.Engine.Accelerators.Software.Cpu;
using EnclaveTesting.Engine.Accelerators.Software.Cpu.Translation;
using EnclaveTesting.Engine.Boot;
using EnclaveTesting.Engine.Machine;
using EnclaveTesting.Engine.Memory;
using Iced.Intel;

namespace EnclaveTesting.Engine.Tests.Software;

/// <summary>
/// A CPU on a few mebibytes of RAM: in long mode with the first 4 GiB mapped to themselves (2 MiB pages; the first two of them in 4 KiB
/// pages), a GDT with kernel and user segments, a TSS and an IDT whose handlers report what came and halt.
/// </summary>
internal sealed unsafe class CpuBed : IDisposable
{
    public const ulong Gdt = 0x1000, Idt = 0x2000, Tss = 0x3000, Handlers = 0x4000, Report = 0x5000, Tables = 0x1_0000;
    public const ulong Code = 0x2_0000, UserCode = 0x3_0000, Data = 0x4_0000, Stack = 0x6_0000, InnerStack = 0x7_0000, IstStack = 0x7_8000;
    public const ulong FirstPageTable = Tables + 0x6000;
    public const ushort KernelCode = 0x08, KernelData = 0x10, UserCode32 = 0x1B, UserData = 0x23, UserCode64 = 0x2B, TaskSelector = 0x30;
    public const int HandlerSize = 32;
    private const ulong Present = 1, Writable = 2, User = 4, Large = 0x80;

    /// <param name="memory">Bytes of RAM.</param>
    /// <param name="template">The processor.</param>
    /// <param name="translation">Whether code is translated; null: as <c>ENCLAVE_TEST_TRANSLATION</c> says, or in the background.</param>
    public CpuBed(long memory = 16 << 20, CpuTemplate template = CpuTemplate.Host, TranslationMode? translation = null)
    {
        Memory = GuestMemory.Allocate(memory);
        translation ??= Enum.TryParse(Environment.GetEnvironmentVariable("ENCLAVE_TEST_TRANSLATION"), out TranslationMode mode) ? mode : TranslationMode.Background;
        Cpu = new SoftwareCpu(0, Memory, Platform, template: template, translation: translation.Value);
        WriteTables();
        WriteHandlers();
        EnterLong();
    }

    public GuestMemory Memory { get; }

    public FakePlatform Platform { get; } = new();

    public SoftwareCpu Cpu { get; }

    public CpuState* State => Cpu.State;

    public CpuRegisters Registers => Cpu.ReadRegisters();

    /// <summary>The exception that a handler reported, if one did.</summary>
    public ReportedFault? Fault => Read(Report) == 0
        ? null
        : new ReportedFault(
            Read(Report) - 1, Read(Report + 8), Read(Report + 16), Read(Report + 24), Read(Report + 32), Read(Report + 40), Read(Report + 48));

    public static byte[] Assemble(Action<Assembler> program, ulong address = Code, int bitness = 64)
    {
        var assembler = new Assembler(bitness);
        program(assembler);
        var stream = new MemoryStream();
        assembler.Assemble(new StreamCodeWriter(stream), address);
        return stream.ToArray();
    }

    /// <summary>Expects that the last program ended in this exception.</summary>
    public ReportedFault ExpectFault(ulong vector, ulong error, string because = "")
    {
        Fault.Should().NotBeNull(because);
        ReportedFault fault = Fault!.Value;
        fault.Vector.Should().Be(vector, because);
        fault.Error.Should().Be(error, because);
        return fault;
    }

    public ulong Read(ulong address)
    {
        Memory.TryRead(new GuestAddress(address), out ulong value).Should().BeTrue();
        return value;
    }

    public void Write(ulong address, ulong value) => Memory.Write(new GuestAddress(address), value);

    public void WriteBytes(ulong address, params byte[] bytes) => Memory.Write(new GuestAddress(address), bytes);

    /// <summary>Assembles at an address.</summary>
    public void Put(ulong address, Action<Assembler> program, int bitness = 64) => WriteBytes(address, Assemble(program, address, bitness));

    /// <summary>Runs a program at <see cref="Code"/>, which ends by HLT, and expects that it gets there without a fault.</summary>
    public CpuRegisters Run(Action<Assembler> program)
    {
        RunUntilHalt(program, long.MaxValue / 4).Should().Be(CpuStop.Halted);
        Fault.Should().BeNull();
        return Registers;
    }

    /// <summary>Runs a program until it or a fault handler halts.</summary>
    public CpuStop RunUntilHalt(Action<Assembler> program, long budget = 1_000_000)
    {
        Put(Code, program);
        Cpu.InvalidatePhysical(Code, 4096);
        State->Rip = Code;
        State->Halted = 0;
        return Go(budget);
    }

    public CpuStop Go(long budget = 1_000_000)
    {
        CpuStop stop;
        do
            stop = Cpu.Run(budget);
        while (stop == CpuStop.Attention);
        return stop;
    }

    /// <summary>Changes the entry that maps a page of the first 2 MiB.</summary>
    public void MapPage(ulong linear, ulong entry)
    {
        Write(FirstPageTable + (linear >> 12 << 3), entry);
        Cpu.StateReplaced();
    }

    public ulong PageEntry(ulong linear) => Read(FirstPageTable + (linear >> 12 << 3));

    public void EnterLong()
    {
        var registers = new CpuRegisters { Rip = Code, Rsp = Stack, Rflags = 2 };
        SegmentRegister data = SegmentRegister.Data(KernelData);
        Cpu.Enter(new BootEntry(registers, new CpuSystemRegisters
        {
            Cs = SegmentRegister.Code64(KernelCode),
            Ds = data,
            Es = data,
            Fs = data,
            Gs = data,
            Ss = data,
            Tr = new SegmentRegister(TaskSelector, Tss, 0xFF, 0x8B),
            Ldtr = SegmentRegister.Unusable,
            Gdtr = new DescriptorTable(Gdt, 0x7F),
            Idtr = new DescriptorTable(Idt, 0xFFF),
            Cr0 = 0x8001_0033,
            Cr3 = Tables,
            Cr4 = 0x6A0 | ControlBits.Cr4FsGsBase,
            Efer = 0xD01,
        }));
    }

    /// <summary>Goes on at <see cref="UserCode"/> in ring 3.</summary>
    public void EnterUser(ulong flags = 0x202)
    {
        Cpu.Enter(new BootEntry(
            new CpuRegisters { Rip = UserCode, Rsp = Stack, Rflags = flags },
            Cpu.ReadSystemRegisters() with
            {
                Cs = new SegmentRegister(UserCode64, 0, uint.MaxValue, 0xA0FB),
                Ss = new SegmentRegister(UserData, 0, uint.MaxValue, 0xC0F3),
                Ds = new SegmentRegister(UserData, 0, uint.MaxValue, 0xC0F3),
                Es = new SegmentRegister(UserData, 0, uint.MaxValue, 0xC0F3),
            }));
    }

    public void SetGate(int vector, ulong target, byte type = 0x8E, byte ist = 0, ushort selector = KernelCode)
    {
        ulong low = (target & 0xFFFF) | ((ulong)selector << 16) | ((ulong)ist << 32) | ((ulong)type << 40) | ((target & 0xFFFF_0000) << 32);
        Write(Idt + ((ulong)vector * 16), low);
        Write(Idt + ((ulong)vector * 16) + 8, target >> 32);
    }

    public void Dispose()
    {
        Cpu.Dispose();
        Memory.Dispose();
    }

    private void WriteTables()
    {
        Write(Gdt + 0x08, 0x00AF_9B00_0000_FFFF);
        Write(Gdt + 0x10, 0x00CF_9300_0000_FFFF);
        Write(Gdt + 0x18, 0x00CF_FB00_0000_FFFF);
        Write(Gdt + 0x20, 0x00CF_F300_0000_FFFF);
        Write(Gdt + 0x28, 0x00AF_FB00_0000_FFFF);
        Write(Gdt + 0x30, 0x0000_8900_0000_00FF | ((Tss & 0xFF_FFFF) << 16));
        Write(Gdt + 0x38, 0);
        Write(Gdt + 0x40, 0x00CF_9B00_0000_FFFF);
        Write(Gdt + 0x48, 0x008F_9B00_0000_FFFF & ~0x0080_0000_0000_0000UL);
        Write(Tss + 4, InnerStack);
        Write(Tss + 0x24, IstStack);
        Memory.Write<ushort>(new GuestAddress(Tss + 0x66), 0x68);
        for (ulong at = Tss + 0x68; at < Tss + 0x100; at += 8)
            Write(at, ulong.MaxValue);

        const ulong all = Present | Writable | User;
        Write(Tables, (Tables + 0x1000) | all);
        for (ulong i = 0; i < 4; i++)
        {
            Write(Tables + 0x1000 + (i * 8), (Tables + 0x2000 + (i * 0x1000)) | all);
            for (ulong j = 0; j < 512; j++)
                Write(Tables + 0x2000 + (i * 0x1000) + (j * 8), (((i * 512) + j) << 21) | all | Large);
        }

        Write(Tables + 0x2000, FirstPageTable | all);
        for (ulong i = 0; i < 512; i++)
            Write(FirstPageTable + (i * 8), (i << 12) | all);
    }

    private void WriteHandlers()
    {
        for (int vector = 0; vector < 256; vector++)
        {
            bool hasError = vector is 8 or 10 or 11 or 12 or 13 or 14 or 17;
            ulong handler = Handlers + ((ulong)Math.Min(vector, 32) * HandlerSize);
            SetGate(vector, handler);
            if (vector > 32)
                continue;
            Put(handler, a =>
            {
                if (!hasError)
                    a.push(0);
                a.push(vector + 1);
                a.jmp(Handlers + 0x800);
            });
        }

        Put(Handlers + 0x800, a =>
        {
            for (int i = 0; i < 7; i++)
                a.pop(AssemblerRegisters.__qword_ptr[Report + (ulong)(i * 8)]);
            a.hlt();
        });
    }
}
