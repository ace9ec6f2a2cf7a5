using EnclaveTesting.Engine.Accelerators.Software.Cpu;
using EnclaveTesting.Engine.Accelerators.Software.Cpu.Translation;
using EnclaveTesting.Engine.State;
using Iced.Intel;
using static Iced.Intel.AssemblerRegisters;

namespace EnclaveTesting.Engine.Tests.Software;

/// <summary>Breakpoints by debug registers (SDM vol. 3, 18.2 and 18.3).</summary>
public sealed unsafe class BreakpointTests : IDisposable
{
    private const int Execute = 0, Write = 1, Port = 2, Access = 3;
    private const ulong Dr6 = 0xFFFF_0FF0, GeneralDetect = 0x2000, Step = 0x4000, Rf = 0x1_0000;

    /// <summary>A handler that counts at <see cref="Count"/>, keeps DR6, sets RF and returns.</summary>
    private const ulong Handler = CpuBed.Handlers + 0x900, Count = CpuBed.Data + 0x8000, LastDr6 = Count + 8, LastRip = Count + 16;

    private readonly CpuBed _bed = new();

    public void Dispose() => _bed.Dispose();

    [Theory]
    [InlineData(Write, 1, 0, 0, 1, true)]
    [InlineData(Write, 1, 1, 0, 1, false)]
    [InlineData(Write, 1, 3, 0, 4, true)]
    [InlineData(Write, 1, 4, 0, 4, false)]
    [InlineData(Write, 2, 3, 2, 1, true)]
    [InlineData(Write, 2, 3, 4, 1, false)]
    [InlineData(Write, 4, 0x12, 0x10, 1, true)]
    [InlineData(Write, 4, 0x12, 0x14, 1, false)]
    [InlineData(Write, 4, 0x10, 0xD, 4, true)]
    [InlineData(Write, 4, 0x10, 0xC, 4, false)]
    [InlineData(Write, 8, 0x17, 0x10, 1, true)]
    [InlineData(Write, 8, 0x10, 0x17, 1, true)]
    [InlineData(Write, 8, 0x10, 0x18, 8, false)]
    [InlineData(Write, 8, 0x10, 0x9, 8, true)]
    [InlineData(Write, 8, 0x10, 0x8, 16, true)]
    [InlineData(Write, 8, 0xFF8, 0xFFC, 8, true)]
    [InlineData(Write, 1, 0x1003, 0xFFC, 8, true)]
    [InlineData(Write, 1, 0x1004, 0xFFC, 8, false)]
    [InlineData(Access, 4, 0x10, 0x12, 2, true)]
    [InlineData(Access, 4, 0x10, 0x14, 2, false)]
    public void A_store_hits_what_lies_under_the_aligned_breakpoint(int kind, int length, int breakpoint, int offset, int size, bool hits)
    {
        Set(2, kind, length, CpuBed.Data + (ulong)breakpoint);
        AssemblerMemoryOperand place = rdi + offset;
        _bed.RunUntilHalt(a =>
        {
            a.mov(rdi, (long)CpuBed.Data);
            a.mov(rax, -1L);
            a.pcmpeqd(xmm0, xmm0);
            a.nop();
            switch (size)
            {
                case 1: a.mov(__byte_ptr[place], al); break;
                case 2: a.mov(__word_ptr[place], ax); break;
                case 4: a.mov(__dword_ptr[place], eax); break;
                case 8: a.mov(__qword_ptr[place], rax); break;
                default: a.movdqu(__xmmword_ptr[place], xmm0); break;
            }

            a.mov(ecx, 1);
            a.hlt();
        });

        (_bed.Read(CpuBed.Data + (ulong)offset) & 0xFF).Should().Be(0xFF, "it traps behind the instruction");
        _bed.Registers.Rcx.Should().Be(hits ? 0UL : 1);
        if (hits)
            _bed.ExpectFault(1, 0).Flags.Should().Be(0x2 | (_bed.Fault!.Value.Flags & CpuState.Arithmetic), "RF is for faults");
        else
            _bed.Fault.Should().BeNull();
        _bed.State->Dr[6].Should().Be(hits ? Dr6 | 4 : Dr6);
    }

    [Theory]
    [InlineData(Write, false)]
    [InlineData(Access, true)]
    public void A_load_hits_breakpoints_on_any_access_only(int kind, bool hits)
    {
        Set(0, kind, 8, CpuBed.Data);
        Counting();
        _bed.Run(a =>
        {
            a.mov(rdi, (long)CpuBed.Data);
            a.mov(eax, __dword_ptr[rdi + 4]);
            a.cmp(__byte_ptr[rdi], 3);
            a.movups(xmm0, __xmmword_ptr[rdi - 8]);
            a.fld(__dword_ptr[rdi]);
            a.lea(rax, __[rdi]);
            a.mov(eax, __dword_ptr[rdi + 8]);
            a.hlt();
        });
        _bed.Read(Count).Should().Be(hits ? 4UL : 0);
    }

    [Fact]
    public void An_instruction_that_reads_and_writes_hits_once()
    {
        Set(0, Access, 8, CpuBed.Data);
        Set(3, Write, 1, CpuBed.Data + 2);
        Counting();
        _bed.Run(a =>
        {
            a.mov(rdi, (long)CpuBed.Data);
            a.inc(__dword_ptr[rdi]);
            a.@lock.add(__qword_ptr[rdi], 5);
            a.xchg(__dword_ptr[rdi], eax);
            a.hlt();
        });
        _bed.Read(Count).Should().Be(3);
        _bed.Read(LastDr6).Should().Be(Dr6 | 9);
        _bed.Registers.Rax.Should().Be(6);
    }

    [Fact]
    public void Stack_accesses_of_calls_and_pushes_hit()
    {
        Counting(ist: 1);
        Set(1, Write, 8, CpuBed.Stack - 8);
        _bed.Run(a =>
        {
            Label function = a.CreateLabel(), end = a.CreateLabel();
            a.push(rax);
            a.pop(rax);
            a.call(function);
            a.jmp(end);
            a.Label(ref function);
            a.ret();
            a.Label(ref end);
            a.hlt();
        });
        _bed.Read(Count).Should().Be(2);
    }

    [Fact]
    public void An_instruction_breakpoint_faults_before_the_instruction_with_RF_as_it_was()
    {
        Set(1, Execute, 1, CpuBed.Code + 5);
        _bed.RunUntilHalt(a =>
        {
            a.mov(eax, 1);
            a.mov(eax, 2);
            a.hlt();
        });
        ReportedFault fault = _bed.ExpectFault(1, 0);
        fault.Rip.Should().Be(CpuBed.Code + 5);
        (fault.Flags & Rf).Should().Be(0, "only the handler knows whether it wants to get past it");
        _bed.Registers.Rax.Should().Be(1);
        _bed.State->Dr[6].Should().Be(Dr6 | 2);
    }

    [Fact]
    public void An_instruction_breakpoint_is_where_an_instruction_begins()
    {
        Set(0, Execute, 1, CpuBed.Code + 1);
        Set(1, Execute, 1, CpuBed.Code + 4);
        Set(2, Execute, 1, CpuBed.Code + 6);
        _bed.Run(a =>
        {
            a.mov(eax, 1);
            a.hlt();
        });
    }

    [Fact]
    public void RF_in_the_image_of_IRET_gets_past_one_instruction()
    {
        Set(0, Execute, 1, CpuBed.Code + 5);
        Set(1, Execute, 1, CpuBed.Code + 7);
        Counting();
        _bed.Run(a =>
        {
            Label loop = a.CreateLabel();
            a.mov(ecx, 3);
            a.Label(ref loop);
            a.inc(eax);
            a.dec(ecx);
            a.jne(loop);
            a.hlt();
        });
        _bed.Read(Count).Should().Be(6, "each time, and RF of the first is gone at the second");
        _bed.Read(LastRip).Should().Be(CpuBed.Code + 7);
        _bed.Registers.Rax.Should().Be(3);
        (_bed.Registers.Rflags & Rf).Should().Be(0);
    }

    [Fact]
    public void A_handler_that_leaves_RF_clear_comes_again_and_uses_up_the_budget()
    {
        Set(0, Execute, 1, CpuBed.Code);
        Counting(resume: false);
        _bed.RunUntilHalt(a => a.hlt(), 1000).Should().Be(CpuStop.Budget);
        _bed.Read(Count).Should().BeGreaterThan(10);
    }

    [Fact]
    public void A_handler_with_a_breakpoint_on_itself_uses_up_the_budget()
    {
        Set(0, Execute, 1, CpuBed.Code);
        Set(1, Execute, 1, Handler);
        _bed.SetGate(1, Handler, ist: 1);
        _bed.RunUntilHalt(a => a.hlt(), 1000).Should().Be(CpuStop.Budget);
    }

    [Fact]
    public void A_fault_keeps_RF_for_the_instruction_that_is_tried_again()
    {
        // The store has a breakpoint and its page is missing: the page fault's image has RF, so that it is not stopped at twice.
        const ulong missing = 0x9_0000;
        ulong entry = _bed.PageEntry(missing), pageFault = Handler + 0x80;
        _bed.MapPage(missing, 0);
        _bed.SetGate(14, pageFault);
        _bed.Put(pageFault, a =>
        {
            a.add(rsp, 8);
            a.push(rax);
            a.mov(rax, (long)entry);
            a.mov(__[CpuBed.FirstPageTable + (missing >> 12 << 3)], rax);
            a.pop(rax);
            a.iretq();
        });
        Set(0, Execute, 1, CpuBed.Code + 10);
        Set(1, Write, 4, missing);
        Counting();
        _bed.Run(a =>
        {
            a.mov(rdi, (long)missing);
            a.mov(__dword_ptr[rdi], 7);
            a.hlt();
        });
        _bed.Read(missing).Should().Be(7);
        _bed.Read(Count).Should().Be(2, "before the store, and behind it");
        _bed.Read(LastDr6).Should().Be(Dr6 | 2, "the first try did not store");
    }

    [Fact]
    public void The_guest_sets_and_clears_breakpoints_while_the_page_is_in_the_TLB()
    {
        Counting();
        _bed.Run(a =>
        {
            a.mov(rdi, (long)CpuBed.Data);
            a.mov(__byte_ptr[rdi], 1);
            a.mov(rax, (long)CpuBed.Data);
            a.mov(dr3, rax);
            a.mov(__byte_ptr[rdi], 1);
            a.mov(eax, 0x1000_0080);
            a.mov(dr7, rax);
            a.mov(__byte_ptr[rdi], 2);
            a.lea(rax, __[rdi + 0x2000]);
            a.mov(__byte_ptr[rax], 2);
            a.mov(dr3, rax);
            a.mov(__byte_ptr[rdi], 3);
            a.mov(__byte_ptr[rax], 3);
            a.mov(ecx, 0x1000_0000);
            a.mov(dr7, rcx);
            a.mov(__byte_ptr[rdi], 4);
            a.mov(__byte_ptr[rax], 4);
            a.hlt();
        });
        _bed.Read(Count).Should().Be(2, "once at each address");
        _bed.Read(LastDr6).Should().Be(Dr6 | 8);
    }

    [Fact]
    public void The_instruction_behind_the_one_that_enables_its_breakpoint_is_stopped_at_each_time()
    {
        Counting();
        _bed.State->Dr[0] = CpuBed.Code + 15;
        _bed.Run(a =>
        {
            Label loop = a.CreateLabel();
            a.mov(ecx, 3);
            a.mov(ebx, 1);
            a.xor(edx, edx);
            a.Label(ref loop);
            a.mov(dr7, rbx);
            a.inc(eax);
            a.mov(dr7, rdx);
            a.dec(ecx);
            a.jne(loop);
            a.hlt();
        });
        _bed.Read(Count).Should().Be(3);
        _bed.Read(LastRip).Should().Be(CpuBed.Code + 15);
    }

    [Theory]
    [InlineData(true)]
    [InlineData(false)]
    public void Hot_code_hits_when_breakpoints_are_enabled_and_is_hot_again_behind(bool translated)
    {
        using var bed = new CpuBed(translation: translated ? TranslationMode.Immediate : TranslationMode.Off);
        Counting(bed: bed);
        bed.Run(a =>
        {
            Label function = a.CreateLabel(), loop = a.CreateLabel(), start = a.CreateLabel();
            a.jmp(start);
            a.Label(ref function);
            a.mov(ecx, 100_000);
            a.Label(ref loop);
            a.mov(__[rdi], rcx);
            a.dec(ecx);
            a.jne(loop);
            a.ret();
            a.Label(ref start);
            a.mov(rdi, (long)CpuBed.Data);
            a.mov(dr0, rdi);
            a.mov(ebx, 0xD_0001);
            a.xor(edx, edx);
            a.call(function);
            a.mov(dr7, rbx);
            a.call(function);
            a.mov(dr7, rdx);
            a.call(function);
            a.hlt();
        });
        bed.Read(Count).Should().Be(100_000);
    }

    [Fact]
    public void Breakpoints_are_on_linear_addresses()
    {
        const ulong alias = 0x9_0000;
        _bed.MapPage(alias, _bed.PageEntry(CpuBed.Data));
        Set(0, Write, 8, alias);
        Counting();
        _bed.Run(a =>
        {
            a.mov(rdi, (long)CpuBed.Data);
            a.mov(__byte_ptr[rdi], 1);
            a.mov(rsi, (long)alias);
            a.mov(__byte_ptr[rsi], 2);
            a.mov(__byte_ptr[rdi], 3);
            a.hlt();
        });
        _bed.Read(Count).Should().Be(1);
        (_bed.Read(CpuBed.Data) & 0xFF).Should().Be(3);
    }

    [Fact]
    public void Ring_3_hits_them_too()
    {
        Set(0, Write, 4, CpuBed.Data);
        Set(1, Execute, 1, CpuBed.UserCode + 10);
        Counting();
        _bed.Put(CpuBed.UserCode, a =>
        {
            a.mov(rdi, (long)CpuBed.Data);
            a.mov(__dword_ptr[rdi], 1);
            a.ud2();
        });
        ulong[] debug = [_bed.State->Dr[0], _bed.State->Dr[1], _bed.State->Dr[7]];
        _bed.EnterUser();
        (_bed.State->Dr[0], _bed.State->Dr[1], _bed.State->Dr[7]) = (debug[0], debug[1], debug[2]);
        _bed.Cpu.StateReplaced();
        _bed.Go();
        _bed.ExpectFault(6, 0).Cs.Should().Be(CpuBed.UserCode64);
        _bed.Read(Count).Should().Be(2);
    }

    [Theory]
    [InlineData(3)]
    [InlineData(7)]
    public void A_repeated_string_instruction_traps_between_its_elements(int element)
    {
        Set(0, Write, 1, CpuBed.Data + 0x100 + (ulong)element);
        _bed.RunUntilHalt(a =>
        {
            a.mov(rsi, (long)CpuBed.Data);
            a.mov(rdi, (long)CpuBed.Data + 0x100);
            a.mov(ecx, 8);
            a.rep.movsb();
            a.hlt();
        });
        ReportedFault fault = _bed.ExpectFault(1, 0);
        bool last = element == 7;
        fault.Rip.Should().Be(CpuBed.Code + 25 + (last ? 2UL : 0));
        (fault.Flags & Rf).Should().Be(last ? 0 : Rf);
        _bed.Registers.Rcx.Should().Be(7 - (ulong)element);
        _bed.Registers.Rdi.Should().Be(CpuBed.Data + 0x101 + (ulong)element);
    }

    [Fact]
    public void A_repeated_string_instruction_goes_on_behind_the_trap_and_is_stopped_at_once()
    {
        Set(0, Execute, 1, CpuBed.Code + 17);
        Set(1, Write, 2, CpuBed.Data + 0x10);
        Counting(resume: null);
        _bed.Run(a =>
        {
            a.mov(rdi, (long)CpuBed.Data);
            a.mov(ecx, 0x30);
            a.mov(al, 0x55);
            a.rep.stosb();
            a.hlt();
        });
        _bed.Read(Count).Should().Be(3, "before it, and behind two of its elements: RF is in their images");
        _bed.Read(CpuBed.Data + 0x28).Should().Be(0x5555_5555_5555_5555);
        _bed.Registers.Rcx.Should().Be(0);
    }

    [Theory]
    [InlineData(true, 0x40, 1, 0x40, true)]
    [InlineData(true, 0x42, 4, 0x43, true)]
    [InlineData(true, 0x44, 4, 0x43, false)]
    [InlineData(false, 0x40, 1, 0x40, false)]
    public void Ports_hit_with_DE(bool extensions, int breakpoint, int length, int port, bool hits)
    {
        if (extensions)
            _bed.State->Cr4 |= ControlBits.Cr4De;
        Set(0, Port, length, (ulong)breakpoint);
        Counting();
        _bed.Run(a =>
        {
            a.mov(edx, port);
            a.@out(dx, al);
            a.@in(al, dx);
            a.mov(rsi, (long)CpuBed.Data);
            a.mov(ecx, 3);
            a.rep.outsb();
            a.hlt();
        });
        _bed.Read(Count).Should().Be(hits ? 5UL : 0);
        _bed.Platform.PortWrites.Should().HaveCount(4, "it traps behind the instruction");
    }

    [Fact]
    public void DR4_and_DR5_are_DR6_and_DR7_without_DE()
    {
        _bed.Run(a =>
        {
            a.mov(eax, 0x400);
            a.mov(dr5, rax);
            a.mov(rbx, dr5);
            a.mov(rcx, dr4);
            a.hlt();
        });
        _bed.Registers.Rbx.Should().Be(0x400);
        _bed.Registers.Rcx.Should().Be(Dr6);

        _bed.State->Cr4 |= ControlBits.Cr4De;
        _bed.RunUntilHalt(a => a.mov(rax, dr4));
        _bed.ExpectFault(6, 0);
    }

    [Theory]
    [InlineData(true)]
    [InlineData(false)]
    public void GD_guards_the_debug_registers_until_the_handler_runs(bool write)
    {
        _bed.State->Dr[7] = 0x400 | GeneralDetect;
        _bed.RunUntilHalt(a =>
        {
            a.nop();
            if (write)
                a.mov(dr0, rax);
            else
                a.mov(rax, dr7);
            a.hlt();
        });
        ReportedFault fault = _bed.ExpectFault(1, 0);
        fault.Rip.Should().Be(CpuBed.Code + 1);
        (fault.Flags & Rf).Should().Be(Rf);
        _bed.State->Dr[6].Should().Be(Dr6 | GeneralDetect);
        _bed.State->Dr[7].Should().Be(0x400);
    }

    [Fact]
    public void A_single_step_and_a_breakpoint_make_one_trap()
    {
        Set(0, Write, 4, CpuBed.Data);
        _bed.RunUntilHalt(a =>
        {
            a.mov(rdi, (long)CpuBed.Data);
            a.pushfq();
            a.or(__dword_ptr[rsp], 0x100);
            a.popfq();
            a.mov(__dword_ptr[rdi], 1);
            a.hlt();
        });
        _bed.ExpectFault(1, 0);
        _bed.State->Dr[6].Should().Be(Dr6 | Step | 1);
    }

    [Fact]
    public void The_shadow_of_STI_is_one_instruction_with_breakpoints_too()
    {
        Set(0, Write, 4, CpuBed.Data);
        Counting();
        _bed.Platform.Interrupts.Enqueue(0x21);
        _bed.RunUntilHalt(a =>
        {
            a.mov(rdi, (long)CpuBed.Data);
            a.sti();
            a.mov(__dword_ptr[rdi], 1);
            a.mov(eax, 1);
            a.hlt();
        });
        _bed.ExpectFault(32, 0).Rip.Should().Be(CpuBed.Code + 17, "the trap comes first");
        _bed.Read(Count).Should().Be(1);
        _bed.Registers.Rax.Should().Be(0);
    }

    [Fact]
    public void A_saved_CPU_keeps_its_breakpoints()
    {
        Set(0, Write, 4, CpuBed.Data);
        var archive = StateArchive.ToWrite();
        _bed.Cpu.Exchange(archive);
        _bed.State->Dr[7] = 0x400;
        _bed.Cpu.StateReplaced();
        void Store(Assembler a)
        {
            a.mov(rdi, (long)CpuBed.Data);
            a.mov(__dword_ptr[rdi], 1);
            a.hlt();
        }

        _bed.Run(Store);
        _bed.Cpu.Exchange(StateArchive.ToRead("a test", 0, archive.Written));
        _bed.RunUntilHalt(Store);
        _bed.ExpectFault(1, 0);
        _bed.State->Dr[6].Should().Be(Dr6 | 1);
    }

    [Fact]
    public void A_fault_in_the_shadow_of_STI_ends_it()
    {
        const ulong sti = CpuBed.Code + 0xFFF;
        _bed.Put(sti, a =>
        {
            a.sti();
            a.ud2();
        });
        _bed.RunUntilHalt(a => a.jmp(sti));
        _bed.ExpectFault(6, 0).Rip.Should().Be(sti + 1, "no trap comes behind the handler's first instruction");
    }

    [Fact]
    public void A_software_interrupt_takes_no_later_single_step_away()
    {
        _bed.SetGate(0x20, Handler);
        _bed.Put(Handler, a => a.iretq());
        _bed.RunUntilHalt(a =>
        {
            a.@int(0x20);
            a.pushfq();
            a.or(__dword_ptr[rsp], 0x100);
            a.popfq();
            a.nop();
            a.nop();
            a.hlt();
        });
        _bed.ExpectFault(1, 0).Rip.Should().Be(CpuBed.Code + 12, "the first NOP begins at 11");
    }

    private void Set(int number, int kind, int length, ulong address)
    {
        ulong code = length switch { 1 => 0, 2 => 1, 8 => 2, _ => 3 };
        _bed.State->Dr[number] = address;
        _bed.State->Dr[7] |= (1UL << (2 * number)) | ((ulong)kind << (16 + (4 * number))) | (code << (18 + (4 * number)));
        _bed.Cpu.StateReplaced();
    }

    /// <param name="resume">Whether the handler sets RF in the image; null: only for instruction breakpoint 0.</param>
    /// <param name="ist">The handler's stack.</param>
    /// <param name="bed">Another bed than the test's.</param>
    private void Counting(bool? resume = true, byte ist = 0, CpuBed? bed = null)
    {
        bed ??= _bed;
        bed.SetGate(1, Handler, ist: ist);
        bed.Put(Handler, a =>
        {
            Label end = a.CreateLabel();
            a.push(rax);
            a.inc(__qword_ptr[Count]);
            a.mov(rax, __qword_ptr[rsp + 8]);
            a.mov(__[LastRip], rax);
            a.mov(rax, dr6);
            a.mov(__[LastDr6], rax);
            if (resume == null)
            {
                a.test(al, 1);
                a.je(end);
            }

            if (resume != false)
                a.or(__dword_ptr[rsp + 24], (int)Rf);
            a.Label(ref end);
            a.pop(rax);
            a.iretq();
        });
    }
}
