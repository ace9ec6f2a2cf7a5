using EnclaveTesting.Engine.Accelerators.Software.Cpu;
using Iced.Intel;
using static Iced.Intel.AssemblerRegisters;

namespace EnclaveTesting.Engine.Tests.Software;

public sealed unsafe class ExceptionTests : IDisposable
{
    private readonly CpuBed _bed = new();

    public void Dispose() => _bed.Dispose();

    [Fact]
    public void UD2_faults_at_its_own_address_with_RF_in_the_image_of_the_flags()
    {
        _bed.RunUntilHalt(a =>
        {
            a.nop();
            a.stc();
            a.ud2();
        });

        ReportedFault fault = _bed.ExpectFault(6, 0);
        fault.Rip.Should().Be(CpuBed.Code + 2);
        fault.Cs.Should().Be(CpuBed.KernelCode);
        fault.Flags.Should().Be(0x1_0003);
        fault.Rsp.Should().Be(CpuBed.Stack);
        _bed.Platform.Unimplemented.Should().BeEmpty("the program asked for it");
    }

    [Fact]
    public void An_unknown_instruction_is_reported_to_the_platform()
    {
        _bed.RunUntilHalt(a =>
        {
            a.nop();
            a.vmlaunch();
        });

        _bed.ExpectFault(6, 0);
        _bed.Platform.Unimplemented.Should().ContainSingle().Which.Should().BeEquivalentTo((CpuBed.Code + 1, new byte[] { 0x0F, 0x01, 0xC2 }));
    }

    [Theory]
    [InlineData(0, 0, 0)]
    [InlineData(1, 0, 1)]
    [InlineData(5, 100, 5)]
    public void DIV_faults_by_zero_and_when_the_quotient_does_not_fit(int high, int low, int divisor)
    {
        _bed.RunUntilHalt(a =>
        {
            a.mov(edx, high);
            a.mov(eax, low);
            a.mov(ecx, divisor);
            a.div(ecx);
            a.hlt();
        });

        _bed.ExpectFault(0, 0);
        _bed.Registers.Rax.Should().Be((ulong)low);
        _bed.Registers.Rdx.Should().Be((ulong)high);
    }

    [Fact]
    public void IDIV_of_the_least_number_by_minus_one_faults()
    {
        _bed.RunUntilHalt(a =>
        {
            a.mov(rax, long.MinValue);
            a.cqo();
            a.mov(rcx, -1L);
            a.idiv(rcx);
            a.hlt();
        });

        _bed.ExpectFault(0, 0);
    }

    [Fact]
    public void INT3_returns_behind_itself()
    {
        _bed.RunUntilHalt(a => a.int3());
        _bed.ExpectFault(3, 0).Rip.Should().Be(CpuBed.Code + 1);
    }

    [Fact]
    public void INT_n_from_ring_3_needs_a_gate_of_DPL_3()
    {
        RunUser(a => a.@int(0x20));
        ReportedFault fault = _bed.ExpectFault(13, (0x20 * 8) | 2);
        fault.Rip.Should().Be(CpuBed.UserCode);

        _bed.SetGate(0x20, CpuBed.Handlers + (32 * CpuBed.HandlerSize), type: 0xEE);
        RunUser(a => a.@int(0x20));
        fault = _bed.ExpectFault(32, 0);
        fault.Rip.Should().Be(CpuBed.UserCode + 2);
        fault.Cs.Should().Be(CpuBed.UserCode64);
        fault.Ss.Should().Be(CpuBed.UserData);
        fault.Rsp.Should().Be(CpuBed.Stack);
        fault.Flags.Should().Be(0x202);
        _bed.Registers.Rsp.Should().Be(CpuBed.InnerStack, "the handler has popped all of the frame that it was given");
        _bed.Cpu.InterruptsEnabled.Should().BeFalse("it is an interrupt gate");
        _bed.Cpu.ReadSystemRegisters().Ss.Selector.Should().Be(0);
    }

    [Fact]
    public void A_trap_gate_leaves_interrupts_on()
    {
        _bed.SetGate(0x20, CpuBed.Handlers + (32 * CpuBed.HandlerSize), type: 0x8F);
        _bed.RunUntilHalt(a =>
        {
            a.sti();
            a.@int(0x20);
        });
        _bed.ExpectFault(32, 0);
        _bed.Cpu.InterruptsEnabled.Should().BeTrue();
    }

    [Fact]
    public void A_gate_with_an_IST_entry_takes_that_stack()
    {
        _bed.SetGate(6, CpuBed.Handlers + (6 * CpuBed.HandlerSize), ist: 1);
        _bed.RunUntilHalt(a => a.ud2());
        _bed.ExpectFault(6, 0).Rsp.Should().Be(CpuBed.Stack);
        _bed.Registers.Rsp.Should().Be(CpuBed.IstStack);
    }

    [Fact]
    public void The_stack_is_aligned_for_the_frame()
    {
        _bed.RunUntilHalt(a =>
        {
            a.sub(rsp, 5);
            a.ud2();
        });
        _bed.ExpectFault(6, 0).Rsp.Should().Be(CpuBed.Stack - 5);
        _bed.Registers.Rsp.Should().Be(CpuBed.Stack - 16);
    }

    [Fact]
    public void A_gate_that_is_not_present_raises_NP_with_the_vector()
    {
        _bed.SetGate(6, CpuBed.Handlers, type: 0x0E);
        _bed.RunUntilHalt(a => a.ud2());
        _bed.ExpectFault(11, (6 * 8) | 2 | 1, "the event came from inside the delivery of another");
    }

    [Fact]
    public void A_contributory_fault_during_another_becomes_a_double_fault()
    {
        _bed.SetGate(13, CpuBed.Handlers, type: 0x0E);
        _bed.RunUntilHalt(a =>
        {
            a.xor(ecx, ecx);
            a.mov(ecx, 0x123456);
            a.rdmsr();
        });
        _bed.ExpectFault(8, 0);
    }

    [Fact]
    public void A_page_fault_during_a_page_fault_becomes_a_double_fault_on_its_own_stack()
    {
        _bed.SetGate(8, CpuBed.Handlers + (8 * CpuBed.HandlerSize), ist: 1);
        _bed.MapPage(0x9_0000, 0);
        _bed.RunUntilHalt(a =>
        {
            a.mov(rsp, 0x9_1000);
            a.push(rax);
        });
        _bed.ExpectFault(8, 0).Rsp.Should().Be(0x9_1000);
    }

    [Fact]
    public void A_fault_during_a_double_fault_shuts_the_CPU_down()
    {
        _bed.State->IdtrLimit = 0;
        _bed.RunUntilHalt(a => a.ud2()).Should().Be(CpuStop.TripleFault);
        _bed.Go().Should().Be(CpuStop.TripleFault, "only a reset gets it out");
        _bed.Registers.Rip.Should().Be(CpuBed.Code);
    }

    [Theory]
    [InlineData(0x08UL, "fninit")]
    [InlineData(0x04UL, "fninit")]
    [InlineData(0x08UL, "movaps")]
    public void TS_and_EM_make_the_vector_and_x87_units_unavailable(ulong bit, string instruction)
    {
        _bed.RunUntilHalt(a =>
        {
            a.mov(rax, cr0);
            a.or(rax, (int)bit);
            a.mov(cr0, rax);
            if (instruction == "fninit")
                a.fninit();
            else
                a.movaps(xmm0, xmm1);
            a.hlt();
        });
        if (InstructionSet.Table.Contains(Code.Fninit))
            _bed.ExpectFault(7, 0);
        else
            _bed.ExpectFault(6, 0);
    }

    [Fact]
    public void TF_traps_behind_each_instruction_and_not_behind_the_one_that_set_it()
    {
        _bed.RunUntilHalt(a =>
        {
            a.pushfq();
            a.or(__dword_ptr[rsp], 0x100);
            a.popfq();
            a.nop();
            a.nop();
            a.hlt();
        });

        ReportedFault fault = _bed.ExpectFault(1, 0);
        fault.Rip.Should().Be(CpuBed.Code + 10, "the first NOP begins at 9");
        (fault.Flags & 0x100).Should().Be(0x100);
        _bed.State->Dr[6].Should().Be(0xFFFF_4FF0);
        (_bed.Registers.Rflags & 0x100).Should().Be(0);
    }

    [Fact]
    public void Single_steps_count_the_instructions_of_a_program()
    {
        // The handler counts and returns; the program takes jumps, calls and a loop.
        ulong handler = CpuBed.Handlers + 0x900;
        _bed.SetGate(1, handler);
        _bed.Put(handler, a =>
        {
            a.inc(__qword_ptr[CpuBed.Data]);
            a.iretq();
        });
        _bed.Run(a =>
        {
            Label loop = a.CreateLabel(), function = a.CreateLabel(), end = a.CreateLabel();
            a.mov(ecx, 3);
            a.pushfq();
            a.or(__dword_ptr[rsp], 0x100);
            a.popfq();
            a.Label(ref loop);
            a.call(function);
            a.dec(ecx);
            a.jne(loop);
            a.pushfq();
            a.and(__dword_ptr[rsp], ~0x100);
            a.popfq();
            a.jmp(end);
            a.Label(ref function);
            a.ret();
            a.Label(ref end);
            a.hlt();
        });

        _bed.Read(CpuBed.Data).Should().Be((3 * 4) + 3);
    }

    [Fact]
    public void Privileged_instructions_raise_GP_in_ring_3()
    {
        Action<Assembler>[] programs =
        [
            a => a.hlt(), a => a.cli(), a => a.mov(rax, cr0), a => a.mov(cr3, rax), a => a.wrmsr(), a => a.rdmsr(), a => a.invlpg(__byte_ptr[rax]),
            a => a.lgdt(__[rsp]), a => a.lidt(__[rsp]), a => a.ltr(ax), a => a.swapgs(), a => a.wbinvd(), a => a.clts(), a => a.mov(dr7, rax),
            a => a.lmsw(ax), a => a.sysretq(), a => a.@in(al, dx), a => a.@out(dx, al), a => a.iretq(),
        ];
        foreach (Action<Assembler> program in programs)
        {
            RunUser(program);
            _bed.Fault!.Value.Vector.Should().Be(13);
            _bed.Fault!.Value.Rip.Should().Be(CpuBed.UserCode);
        }
    }

    [Fact]
    public void The_TSSs_bitmap_opens_single_ports_to_ring_3()
    {
        _bed.WriteBytes(CpuBed.Tss + 0x68 + (0x80 / 8), 0xFE);
        _bed.Platform.PortReads.Enqueue(0x5A);

        RunUser(a =>
        {
            a.@in(al, 0x80);
            a.@out(0x80, ax);
        });

        _bed.ExpectFault(13, 0).Rip.Should().Be(CpuBed.UserCode + 2, "the second byte's port is closed");
        _bed.Registers.Rax.Should().Be(0x5A);
    }

    private void RunUser(Action<Assembler> program)
    {
        _bed.EnterLong();
        _bed.Write(CpuBed.Report, 0);
        _bed.Put(CpuBed.UserCode, program);
        _bed.Cpu.InvalidatePhysical(CpuBed.UserCode, 4096);
        _bed.EnterUser();
        _bed.Go();
    }
}
