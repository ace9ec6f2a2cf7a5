using EnclaveTesting.Engine.Accelerators.Software.Cpu;
using EnclaveTesting.Engine.Machine;
using EnclaveTesting.Engine.Memory;
using Iced.Intel;
using static Iced.Intel.AssemblerRegisters;

namespace EnclaveTesting.Engine.Tests.Software;

public sealed unsafe class SegmentTests : IDisposable
{
    private const ushort Code32 = 0x40, Scratch = 0x50;
    private readonly CpuBed _bed = new();

    public void Dispose() => _bed.Dispose();

    [Theory]
    [InlineData(0x0080_0000_0000_0000UL, 13, "not even code or data")]
    [InlineData(0x00CF_9800_0000_FFFFUL, 13, "code that cannot be read")]
    [InlineData(0x00CF_1300_0000_FFFFUL, 11, "not present")]
    public void DS_takes_only_segments_that_can_be_read(ulong descriptor, int vector, string what)
    {
        _bed.Write(CpuBed.Gdt + Scratch, descriptor);
        LoadsSegment(a => a.mov(ds, eax), Scratch);
        _bed.ExpectFault((ulong)vector, Scratch, what);
    }

    [Fact]
    public void Selectors_beyond_the_table_fault()
    {
        LoadsSegment(a => a.mov(es, eax), 0x1000);
        _bed.ExpectFault(13, 0x1000);
    }

    [Fact]
    public void SS_takes_only_writable_data_of_its_own_privilege()
    {
        LoadsSegment(a => a.mov(ss, eax), CpuBed.UserData);
        _bed.ExpectFault(13, CpuBed.UserData & ~3U);

        LoadsSegment(a => a.mov(ss, eax), 0);
        _bed.Fault.Should().BeNull("64-bit code of ring 0 may have no stack segment");
    }

    [Fact]
    public void A_descriptor_that_is_loaded_is_marked_accessed()
    {
        _bed.Write(CpuBed.Gdt + Scratch, 0x00CF_9200_1234_FFFF);
        LoadsSegment(a => a.mov(fs, eax), Scratch);
        _bed.Read(CpuBed.Gdt + Scratch).Should().Be(0x00CF_9300_1234_FFFF);
        _bed.Cpu.ReadSystemRegisters().Fs.Base.Should().Be(0x1234);
    }

    [Fact]
    public void Bases_of_FS_and_GS_count_in_64_bit_code_and_those_of_the_others_do_not()
    {
        _bed.Write(CpuBed.Gdt + Scratch, 0x00CF_9308_0000_FFFF);
        _bed.Write(0x8_0010, 0x11);
        _bed.Write(0x10, 0x22);
        _bed.Run(a =>
        {
            a.mov(eax, Scratch);
            a.mov(fs, eax);
            a.mov(ds, eax);
            a.mov(ebx, __dword_ptr.fs[0x10]);
            a.mov(ecx, __dword_ptr.ds[0x10]);
            a.mov(rdx, 0x7_0000);
            a.wrgsbase(rdx);
            a.mov(esi, __dword_ptr.gs[rdx * 1 - 0x5_FFF0]);
            a.rdgsbase(rdi);
            a.hlt();
        });
        _bed.Registers.Rbx.Should().Be(0x11);
        _bed.Registers.Rcx.Should().Be(0x22);
        _bed.Registers.Rsi.Should().Be(0x11);
        _bed.Registers.Rdi.Should().Be(0x7_0000);
    }

    [Fact]
    public void LTR_marks_the_task_busy_and_refuses_a_busy_one()
    {
        _bed.Run(a =>
        {
            a.mov(eax, CpuBed.TaskSelector);
            a.ltr(ax);
            a.str(ebx);
            a.hlt();
        }).Rbx.Should().Be(CpuBed.TaskSelector);
        ((_bed.Read(CpuBed.Gdt + CpuBed.TaskSelector) >> 40) & 0xF).Should().Be(0xB);

        _bed.RunUntilHalt(a => a.ltr(ax));
        _bed.ExpectFault(13, CpuBed.TaskSelector);
    }

    [Fact]
    public void LAR_LSL_VERR_and_VERW_tell_without_faulting()
    {
        _bed.Run(a =>
        {
            a.mov(ecx, CpuBed.KernelCode);
            a.lar(eax, ecx);
            a.sete(bl);
            a.lsl(edx, ecx);
            a.verr(cx);
            a.sete(bh);
            a.verw(cx);
            a.setne(__byte_ptr[CpuBed.Data]);
            a.mov(ecx, 0x2000);
            a.lar(esi, ecx);
            a.setne(__byte_ptr[CpuBed.Data + 1]);
            a.hlt();
        });
        _bed.Registers.Rax.Should().Be(0x00AF_9B00 & 0x00F0_FF00);
        _bed.Registers.Rdx.Should().Be(0xFFFF_FFFF);
        _bed.Registers.Rbx.Should().Be(0x101);
        _bed.Read(CpuBed.Data).Should().Be(0x101);
    }

    [Fact]
    public void A_far_jump_to_a_32_bit_segment_and_back()
    {
        ulong narrow = CpuBed.Code + 0x200, back = CpuBed.Code + 0x100;
        _bed.Memory.Write(new GuestAddress(CpuBed.Data), (uint)narrow);
        _bed.Memory.Write(new GuestAddress(CpuBed.Data + 4), (uint)Code32);
        _bed.Put(
            narrow,
            a =>
            {
                a.mov(eax, -1);
                a.inc(eax);
                a.mov(ebx, 0x12345678);
                a.push(ebx);
                a.pop(ecx);
                a.db(0xEA);
                a.dd((uint)back);
                a.dw(CpuBed.KernelCode);
            },
            32);
        _bed.Put(back, a =>
        {
            a.mov(rdx, 0x1_0000_0001);
            a.hlt();
        });
        _bed.Run(a => a.jmp(__fword_ptr[CpuBed.Data]));

        _bed.Registers.Rax.Should().Be(0);
        _bed.Registers.Rcx.Should().Be(0x12345678);
        _bed.Registers.Rdx.Should().Be(0x1_0000_0001);
        _bed.Registers.Rsp.Should().Be(CpuBed.Stack);
    }

    [Fact]
    public void Limits_count_outside_64_bit_code()
    {
        // Bytes 0 to 0xFFF only, from 0x80000.
        _bed.Write(CpuBed.Gdt + Scratch, 0x0040_9308_0000_0FFF);
        EnterCode32(a =>
        {
            a.mov(eax, Scratch);
            a.mov(ds, eax);
            a.mov(__dword_ptr[0xFFC], 7);
            a.mov(__dword_ptr[0xFFD], 8);
        });
        _bed.ExpectFault(13, 0);
        _bed.Read(0x8_0FFC).Should().Be(7);
    }

    [Fact]
    public void A_far_call_and_return()
    {
        ulong function = CpuBed.Code + 0x200;
        _bed.Memory.Write(new GuestAddress(CpuBed.Data), (uint)function);
        _bed.Memory.Write(new GuestAddress(CpuBed.Data + 4), (uint)CpuBed.KernelCode);
        _bed.Put(function, a =>
        {
            a.mov(rbx, __[rsp + 4]);
            a.db(0xCB);
        });
        _bed.Run(a =>
        {
            a.call(__fword_ptr[CpuBed.Data]);
            a.hlt();
        }).Rsp.Should().Be(CpuBed.Stack);
        ((uint)_bed.Registers.Rbx).Should().Be(CpuBed.KernelCode);
    }

    [Fact]
    public void SYSCALL_and_SYSRET_go_to_ring_0_and_back()
    {
        ulong entry = CpuBed.Code + 0x300;
        _bed.State->Star = ((ulong)CpuBed.KernelCode << 32) | (0x18UL << 48);
        _bed.State->Lstar = entry;
        _bed.State->SyscallMask = CpuState.If | CpuState.Df;
        _bed.State->KernelGsBase = 0x1234_5678;
        _bed.Put(entry, a =>
        {
            a.swapgs();
            a.rdgsbase(rbx);
            a.pushfq();
            a.pop(rdx);
            a.mov(esi, cs);
            a.swapgs();
            a.sysretq();
        });
        _bed.EnterUser(flags: 0x602);
        _bed.Put(CpuBed.UserCode, a =>
        {
            a.syscall();
            a.mov(edi, cs);
            a.mov(r8d, ss);
            a.hlt();
        });
        _bed.State->Star = ((ulong)CpuBed.KernelCode << 32) | (0x18UL << 48);
        _bed.State->Lstar = entry;
        _bed.State->SyscallMask = CpuState.If | CpuState.Df;
        _bed.State->KernelGsBase = 0x1234_5678;
        _bed.Go();

        _bed.ExpectFault(13, 0, "HLT is not for users").Rip.Should().Be(CpuBed.UserCode + 7);
        CpuRegisters registers = _bed.Registers;
        registers.Rbx.Should().Be(0x1234_5678);
        registers.Rcx.Should().Be(CpuBed.UserCode + 2);
        registers.R11.Should().Be(0x602);
        (registers.Rdx & 0x600).Should().Be(0);
        registers.Rsi.Should().Be(CpuBed.KernelCode);
        registers.Rdi.Should().Be(CpuBed.UserCode64);
        registers.R8.Should().Be(CpuBed.UserData);
    }

    [Fact]
    public void IRET_to_ring_3_clears_the_segments_of_ring_0()
    {
        _bed.RunUntilHalt(a =>
        {
            a.push(CpuBed.UserData);
            a.push((int)CpuBed.Stack);
            a.push(0x202);
            a.push(CpuBed.UserCode64);
            a.push((int)CpuBed.UserCode);
            a.iretq();
        });
        _bed.Fault!.Value.Cs.Should().Be(CpuBed.UserCode64, "whatever is at the user's address");
        _bed.Cpu.ReadSystemRegisters().Ds.Selector.Should().Be(0);
    }

    [Fact]
    public void IRET_to_an_inner_privilege_faults()
    {
        _bed.EnterUser();
        _bed.Put(CpuBed.UserCode, a =>
        {
            a.push(CpuBed.KernelData);
            a.push((int)CpuBed.Stack);
            a.push(0x202);
            a.push(CpuBed.KernelCode);
            a.push((int)CpuBed.Code);
            a.iretq();
        });
        _bed.Go();
        _bed.ExpectFault(13, CpuBed.KernelCode);
    }

    [Fact]
    public void A_start_up_message_begins_in_real_mode_and_leads_to_long_mode()
    {
        const ulong page = 0x8_0000;
        _bed.Cpu.Reset();
        _bed.Go().Should().Be(CpuStop.Halted, "it waits for the message");

        ulong protectedMode = page + 0x100, longMode = page + 0x200;
        _bed.Memory.Write(new GuestAddress(page + 0x80), (ushort)0x7F);
        _bed.Memory.Write(new GuestAddress(page + 0x82), (uint)CpuBed.Gdt);
        _bed.Put(
            page,
            a =>
            {
                a.mov(ax, cs);
                a.mov(ds, ax);
                a.mov(ss, ax);
                a.mov(sp, 0x1000);
                a.push(ax);
                a.lgdt(__[0x80]);
                a.mov(eax, cr0);
                a.or(al, 1);
                a.mov(cr0, eax);
                a.db(0x66, 0xEA);
                a.dd((uint)protectedMode);
                a.dw(Code32);
            },
            16);
        _bed.Put(
            protectedMode,
            a =>
            {
                a.mov(eax, 0x6A0);
                a.mov(cr4, eax);
                a.mov(eax, (uint)CpuBed.Tables);
                a.mov(cr3, eax);
                a.mov(ecx, 0xC000_0080);
                a.rdmsr();
                a.or(eax, 0x900);
                a.wrmsr();
                a.mov(eax, 0x8000_0011);
                a.mov(cr0, eax);
                a.db(0xEA);
                a.dd((uint)longMode);
                a.dw(CpuBed.KernelCode);
            },
            32);
        _bed.Put(longMode, a =>
        {
            a.mov(rbx, 0x1234_5678_9ABC);
            a.hlt();
        });
        _bed.Cpu.StartUp((byte)(page >> 12));
        _bed.Go().Should().Be(CpuStop.Halted);

        _bed.Registers.Rbx.Should().Be(0x1234_5678_9ABC);
        (_bed.Cpu.ReadSystemRegisters().Efer & 0x400).Should().Be(0x400);
        _bed.Memory.TryRead(new GuestAddress(page + 0xFFE), out ushort pushed).Should().BeTrue();
        pushed.Should().Be((ushort)(page >> 4));
    }

    [Fact]
    public void Real_mode_interrupts_go_through_the_vector_table()
    {
        const ulong page = 0x8_0000;
        _bed.Cpu.Reset();
        _bed.Memory.Write(new GuestAddress(0x21 * 4), 0x8000_0100U);
        _bed.Put(
            page,
            a =>
            {
                a.xor(ax, ax);
                a.mov(ss, ax);
                a.mov(sp, 0x800);
                a.sti();
                a.@int(0x21);
                a.mov(cl, 5);
                a.hlt();
            },
            16);
        _bed.Put(
            page + 0x100,
            a =>
            {
                a.pushf();
                a.pop(dx);
                a.mov(bx, 0x4321);
                a.iret();
            },
            16);
        _bed.Cpu.StartUp((byte)(page >> 12));
        _bed.Go();

        ((ushort)_bed.Registers.Rbx).Should().Be(0x4321);
        ((byte)_bed.Registers.Rcx).Should().Be(5);
        (_bed.Registers.Rdx & CpuState.If).Should().Be(0);
        _bed.Cpu.InterruptsEnabled.Should().BeTrue();
    }

    [Fact]
    public void An_interrupt_from_32_bit_ring_3_switches_to_the_stack_of_the_task()
    {
        const ulong tss = CpuBed.Data, handler = CpuBed.Code + 0x400;
        _bed.State->Efer = 0;
        _bed.State->Cr0 = 0x33;
        _bed.State->SegmentBase[CpuState.Tr] = tss;
        _bed.Memory.Write(new GuestAddress(tss + 4), (uint)CpuBed.InnerStack);
        _bed.Memory.Write(new GuestAddress(tss + 8), (uint)CpuBed.KernelData);
        _bed.Write(CpuBed.Idt + (0x30 * 8), (handler & 0xFFFF) | ((ulong)Code32 << 16) | (0xEE00UL << 32) | ((handler >> 16) << 48));
        Set(CpuState.Cs, CpuBed.UserCode32, 0xC0FB);
        Set(CpuState.Ss, CpuBed.UserData, 0xC0F3);
        _bed.State->Cpl = 3;
        _bed.State->Rip = CpuBed.UserCode;
        _bed.Cpu.StateReplaced();
        _bed.Put(
            handler,
            a =>
            {
                a.mov(eax, __[esp + 12]);
                a.mov(ebx, __[esp + 16]);
                a.mov(ecx, __[esp]);
                a.hlt();
            },
            32);
        _bed.Put(CpuBed.UserCode, a => a.@int(0x30), 32);
        _bed.Go().Should().Be(CpuStop.Halted);

        _bed.Registers.Rax.Should().Be(CpuBed.Stack);
        _bed.Registers.Rbx.Should().Be(CpuBed.UserData);
        _bed.Registers.Rcx.Should().Be(CpuBed.UserCode + 2);
        _bed.Registers.Rsp.Should().Be(CpuBed.InnerStack - 20);
    }

    private void Set(int segment, ushort selector, uint attributes)
    {
        _bed.State->SegmentSelector[segment] = selector;
        _bed.State->SegmentAttributes[segment] = attributes;
    }

    private void LoadsSegment(Action<Assembler> load, int selector)
    {
        _bed.Write(CpuBed.Report, 0);
        _bed.RunUntilHalt(a =>
        {
            a.mov(eax, selector);
            load(a);
            a.hlt();
        });
    }

    private void EnterCode32(Action<Assembler> program)
    {
        _bed.Put(CpuBed.Code, program, 32);
        Set(CpuState.Cs, Code32, 0xC09B);
        _bed.Cpu.StateReplaced();
        _bed.Go();
    }
}
