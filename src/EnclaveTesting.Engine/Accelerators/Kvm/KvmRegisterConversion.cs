using EnclaveTesting.Engine.Machine;

namespace EnclaveTesting.Engine.Accelerators.Kvm;

/// <summary>Between the engine's register records and KVM's structures.</summary>
internal static class KvmRegisterConversion
{
    public static KvmRegs ToKvm(in CpuRegisters r) => new()
    {
        Rax = r.Rax,
        Rbx = r.Rbx,
        Rcx = r.Rcx,
        Rdx = r.Rdx,
        Rsi = r.Rsi,
        Rdi = r.Rdi,
        Rsp = r.Rsp,
        Rbp = r.Rbp,
        R8 = r.R8,
        R9 = r.R9,
        R10 = r.R10,
        R11 = r.R11,
        R12 = r.R12,
        R13 = r.R13,
        R14 = r.R14,
        R15 = r.R15,
        Rip = r.Rip,
        Rflags = r.Rflags,
    };

    public static CpuRegisters FromKvm(in KvmRegs r) => new(
        r.Rax, r.Rcx, r.Rdx, r.Rbx, r.Rsp, r.Rbp, r.Rsi, r.Rdi, r.R8, r.R9, r.R10, r.R11, r.R12, r.R13, r.R14, r.R15, r.Rip, r.Rflags);

    /// <summary>Overwrites all that the engine keeps and leaves the rest (APIC base, pending interrupts) as it is.</summary>
    public static void ToKvm(in CpuSystemRegisters system, ref KvmSregs sregs)
    {
        sregs.Cs = ToKvm(system.Cs);
        sregs.Ds = ToKvm(system.Ds);
        sregs.Es = ToKvm(system.Es);
        sregs.Fs = ToKvm(system.Fs);
        sregs.Gs = ToKvm(system.Gs);
        sregs.Ss = ToKvm(system.Ss);
        sregs.Tr = ToKvm(system.Tr);
        sregs.Ldt = ToKvm(system.Ldtr);
        sregs.Gdt = new KvmDescriptorTable { Base = system.Gdtr.Base, Limit = system.Gdtr.Limit };
        sregs.Idt = new KvmDescriptorTable { Base = system.Idtr.Base, Limit = system.Idtr.Limit };
        sregs.Cr0 = system.Cr0;
        sregs.Cr2 = system.Cr2;
        sregs.Cr3 = system.Cr3;
        sregs.Cr4 = system.Cr4;
        sregs.Cr8 = system.Cr8;
        sregs.Efer = system.Efer;
    }

    public static CpuSystemRegisters FromKvm(in KvmSregs sregs) => new()
    {
        Cs = FromKvm(sregs.Cs),
        Ds = FromKvm(sregs.Ds),
        Es = FromKvm(sregs.Es),
        Fs = FromKvm(sregs.Fs),
        Gs = FromKvm(sregs.Gs),
        Ss = FromKvm(sregs.Ss),
        Tr = FromKvm(sregs.Tr),
        Ldtr = FromKvm(sregs.Ldt),
        Gdtr = new DescriptorTable(sregs.Gdt.Base, sregs.Gdt.Limit),
        Idtr = new DescriptorTable(sregs.Idt.Base, sregs.Idt.Limit),
        Cr0 = sregs.Cr0,
        Cr2 = sregs.Cr2,
        Cr3 = sregs.Cr3,
        Cr4 = sregs.Cr4,
        Cr8 = sregs.Cr8,
        Efer = sregs.Efer,
    };

    private static KvmSegment ToKvm(in SegmentRegister segment)
    {
        uint attributes = segment.Attributes;
        return new KvmSegment
        {
            Base = segment.Base,
            Limit = segment.Limit,
            Selector = segment.Selector,
            Type = (byte)(attributes & 0xF),
            S = (byte)(attributes >> 4 & 1),
            Dpl = (byte)(attributes >> 5 & 3),
            Present = (byte)(attributes >> 7 & 1),
            Avl = (byte)(attributes >> 12 & 1),
            L = (byte)(attributes >> 13 & 1),
            Db = (byte)(attributes >> 14 & 1),
            G = (byte)(attributes >> 15 & 1),
            Unusable = (byte)(attributes >> 16 & 1),
        };
    }

    private static SegmentRegister FromKvm(in KvmSegment s)
    {
        uint attributes = (uint)((s.Type & 0xF) | (s.S << 4) | (s.Dpl << 5) | (s.Present << 7) | (s.Avl << 12) | (s.L << 13) | (s.Db << 14) | (s.G << 15) | (s.Unusable << 16));
        return new SegmentRegister(s.Selector, s.Base, s.Limit, attributes);
    }
}
