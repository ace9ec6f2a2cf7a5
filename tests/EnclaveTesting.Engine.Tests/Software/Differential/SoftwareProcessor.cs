using EnclaveTesting.Engine.Accelerators.Software;
using EnclaveTesting.Engine.Accelerators.Software.Cpu;
using EnclaveTesting.Engine.Accelerators.Software.Cpu.Simd;
using EnclaveTesting.Engine.Accelerators.Software.Cpu.Translation;
using EnclaveTesting.Engine.Boot;
using EnclaveTesting.Engine.Machine;
using EnclaveTesting.Engine.Memory;

namespace EnclaveTesting.Engine.Tests.Software.Differential;

/// <summary>The software CPU in 64-bit mode, ring 0, with the addresses of <see cref="CodeLayout"/> mapped to RAM.</summary>
internal sealed unsafe class SoftwareProcessor : IDisposable
{
    private const ulong Tables = 0x10_0000;
    private const ulong Physical = 0x20_0000;
    private const int MemorySize = 4 * 1024 * 1024;
    private const byte Halt = 0xF4;
    private const ulong TableArea = 0x10_0000;
    private const ulong Handlers = 0x11_0000;
    private const int HandlerSize = 16;
    private const int Vectors = 32;

    private readonly GuestMemory _memory = GuestMemory.Allocate(MemorySize);
    private readonly NoPlatform _platform = new();

    public SoftwareProcessor(TranslationMode translation = TranslationMode.Background)
    {
        // One gigabyte of 2 MiB pages would do, but the area starts at a multiple of them anyway: PML4, PDPT, PD.
        Write(Tables, (Tables + 0x1000) | 3);
        Write(Tables + 0x1000, (Tables + 0x2000) | 3);
        Write(Tables + 0x2000 + (CodeLayout.Base >> 21 << 3), Physical | 0x83);
        WriteGates();
        Cpu = new SoftwareCpu(0, _memory, _platform, translation: translation);
        var system = new CpuSystemRegisters
        {
            Cs = SegmentRegister.Code64(8),
            Ds = SegmentRegister.Data(16),
            Es = SegmentRegister.Data(16),
            Fs = SegmentRegister.Data(16),
            Gs = SegmentRegister.Data(16),
            Ss = SegmentRegister.Data(16),
            Gdtr = new DescriptorTable(CodeLayout.Base + TableArea, 23),
            Idtr = new DescriptorTable(CodeLayout.Base + TableArea + 0x1000, (Vectors * 16) - 1),
            Cr0 = 0x8000_0033,
            Cr3 = Tables,
            Cr4 = 0x406A0,
            Efer = 0xD01,
        };
        Cpu.Enter(new BootEntry(default, system));
        Cpu.State->Xcr0 = 7;
        Cpu.UpdateMode();
    }

    public SoftwareCpu Cpu { get; }

    /// <summary>What the last case ran into, or null.</summary>
    public string? Unimplemented => _platform.Unimplemented.LastOrDefault();

    /// <summary>The vector of the fault a run ended with, or -1: each handler is a HLT of its own.</summary>
    public int Fault
    {
        get
        {
            ulong offset = Cpu.State->Rip - (CodeLayout.Base + Handlers);
            return offset < Vectors * HandlerSize ? (int)(offset / HandlerSize) : -1;
        }
    }

    public Span<byte> Data => _memory.GetSpan(new GuestAddress(Physical + (CodeLayout.Data - CodeLayout.Base)), CodeLayout.DataSize);

    /// <summary>Puts code into a slot, with HLT behind it.</summary>
    public void SetCode(ulong address, ReadOnlySpan<byte> code)
    {
        Span<byte> target = _memory.GetSpan(new GuestAddress(Physical + (address - CodeLayout.Base)), CodeLayout.SlotSize);
        code.CopyTo(target);
        target[code.Length] = Halt;
    }

    /// <summary>All code slots have been written anew.</summary>
    public void CodeChanged() => Cpu.InvalidatePhysical(Physical + (CodeLayout.Code - CodeLayout.Base), CodeLayout.CodeSize);

    /// <summary>Runs the case; false when it did not get to its end.</summary>
    public bool Run(ulong address, RegisterImage* input, RegisterImage* output)
    {
        CpuState* state = Cpu.State;
        _platform.Unimplemented.Clear();
        for (int i = 0; i < 16; i++)
            state->Gpr[i] = input->Gpr[i];
        state->SetFlags(input->Flags & ~0x200UL);
        var image = new ReadOnlySpan<byte>(input->Extended, RegisterImage.ExtendedSize);
        StateImage.ReadX87Control(state, image, wide: true);
        StateImage.ReadX87Registers(state, image[StateImage.X87Offset..]);
        StateImage.ReadXmm(state, image[StateImage.XmmOffset..], 16);
        StateImage.ReadUpper(state, image[StateImage.AvxOffset..], 16);
        state->Mxcsr = input->Mxcsr;
        state->Rip = address;
        state->Halted = 0;
        state->ShutDown = 0;
        CpuStop stop = Cpu.Run(1000);
        state->Halted = 0;
        state->ShutDown = 0;

        for (int i = 0; i < 16; i++)
            output->Gpr[i] = state->Gpr[i];
        output->Flags = state->GetFlags();
        output->Target = state->Rip;
        var stored = new Span<byte>(output->Extended, RegisterImage.ExtendedSize);
        StateImage.WriteX87Control(state, stored, wide: true);
        StateImage.WriteX87Registers(state, stored[StateImage.X87Offset..]);
        StateImage.WriteXmm(state, stored[StateImage.XmmOffset..], 16);
        StateImage.WriteUpper(state, stored[StateImage.AvxOffset..], 16);
        output->Mxcsr = state->Mxcsr;
        return stop == CpuStop.Halted && Fault < 0;
    }

    public void Dispose()
    {
        Cpu.Dispose();
        _memory.Dispose();
    }

    // A flat code segment for the gates to load, and a 64-bit interrupt gate for each exception (SDM vol. 3, figure 6-8).
    private void WriteGates()
    {
        Write(Physical + TableArea + 8, 0x00AF_9B00_0000_FFFF);
        Write(Physical + TableArea + 16, 0x00CF_9300_0000_FFFF);
        for (ulong vector = 0; vector < Vectors; vector++)
        {
            ulong handler = CodeLayout.Base + Handlers + (vector * HandlerSize);
            ulong gate = (handler & 0xFFFF) | (8UL << 16) | (0x8EUL << 40) | ((handler >> 16 & 0xFFFF) << 48);
            Write(Physical + TableArea + 0x1000 + (vector * 16), gate);
            Write(Physical + TableArea + 0x1000 + (vector * 16) + 8, handler >> 32);
            _memory.TryWrite(new GuestAddress(Physical + Handlers + (vector * HandlerSize)), Halt);
        }
    }

    private void Write(ulong address, ulong value) => _memory.TryWrite(new GuestAddress(address), value);
}
