using EnclaveTesting.Engine.Machine;
using EnclaveTesting.Engine.Memory;

namespace EnclaveTesting.Engine.Boot;

/// <summary>A processor as boot protocols want it: segments that hide nothing, and a table with their descriptors in the guest's memory.</summary>
internal static class FlatMode
{
    private const ulong ProtectedPagedMode = 0x8000_0033; // PG, NE, ET, MP, PE
    private const ulong PaeAndSse = 0x620; // OSXMMEXCPT, OSFXSR, PAE
    private const ulong LongMode = 0x500; // LMA, LME

    /// <summary>Code and data from 0 on, without paging; the selectors are those of the Linux boot protocol.</summary>
    /// <param name="memory">Takes the GDT.</param>
    /// <param name="code">The code segment, 64-bit or 32-bit.</param>
    public static CpuSystemRegisters Segments(GuestMemory memory, SegmentRegister code)
    {
        // Null, null, code, data; long-mode code is type 0xA, 32-bit code 0xC.
        ulong codeDescriptor = (code.Attributes & 0x2000) != 0 ? 0x00AF_9B00_0000_FFFFUL : 0x00CF_9B00_0000_FFFFUL;
        ReadOnlySpan<ulong> gdt = [0, 0, codeDescriptor, 0x00CF_9300_0000_FFFF];
        for (int i = 0; i < gdt.Length; i++)
            memory.Write(new GuestAddress(BootLayout.Gdt + ((ulong)i * sizeof(ulong))), gdt[i]);
        SegmentRegister data = SegmentRegister.Data(BootLayout.DataSelector);
        return new CpuSystemRegisters
        {
            Cs = code,
            Ds = data,
            Es = data,
            Fs = data,
            Gs = data,
            Ss = data,
            Tr = SegmentRegister.Tss(0),
            Ldtr = SegmentRegister.Unusable,
            Gdtr = new DescriptorTable(BootLayout.Gdt, (ushort)((gdt.Length * sizeof(ulong)) - 1)),
        };
    }

    /// <summary>The same in 64-bit mode, with identity paging and SSE switched on, for a program that needs no more.</summary>
    /// <param name="memory">Takes GDT and page tables.</param>
    public static CpuSystemRegisters LongModeWithSse(GuestMemory memory) => Segments(memory, SegmentRegister.Code64(BootLayout.CodeSelector)) with
    {
        Cr0 = ProtectedPagedMode,
        Cr3 = PageTables.Write(memory),
        Cr4 = PaeAndSse,
        Efer = LongMode,
    };
}
