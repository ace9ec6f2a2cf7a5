namespace EnclaveTesting.Engine.Machine;

/// <summary>The system registers that boot code, diagnostics and saved machines need.</summary>
internal record struct CpuSystemRegisters
{
    public SegmentRegister Cs { get; set; }

    public SegmentRegister Ds { get; set; }

    public SegmentRegister Es { get; set; }

    public SegmentRegister Fs { get; set; }

    public SegmentRegister Gs { get; set; }

    public SegmentRegister Ss { get; set; }

    public SegmentRegister Tr { get; set; }

    public SegmentRegister Ldtr { get; set; }

    public DescriptorTable Gdtr { get; set; }

    public DescriptorTable Idtr { get; set; }

    public ulong Cr0 { get; set; }

    public ulong Cr2 { get; set; }

    public ulong Cr3 { get; set; }

    public ulong Cr4 { get; set; }

    public ulong Cr8 { get; set; }

    public ulong Efer { get; set; }
}
