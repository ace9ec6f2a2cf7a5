using EnclaveTesting.Engine.Accelerators.Software.Cpu;
using Iced.Intel;
using static Iced.Intel.AssemblerRegisters;

namespace EnclaveTesting.Engine.Tests.Software;

public sealed unsafe class InterruptTests : IDisposable
{
    private const ulong Handler = CpuBed.Handlers + 0x900;
    private readonly CpuBed _bed = new();

    public InterruptTests()
    {
        _bed.SetGate(0x40, Handler);
        _bed.SetGate(2, Handler);
        _bed.Put(Handler, a =>
        {
            a.inc(__qword_ptr[CpuBed.Data]);
            a.push(rax);
            a.mov(rax, __qword_ptr[rsp + 8]);
            a.mov(__qword_ptr[CpuBed.Data + 8], rax);
            a.pop(rax);
            a.iretq();
        });
    }

    private ulong Taken => _bed.Read(CpuBed.Data);

    private ulong ReturnAddress => _bed.Read(CpuBed.Data + 8);

    public void Dispose() => _bed.Dispose();

    [Fact]
    public void Attention_leaves_Run_and_the_interrupt_is_taken_before()
    {
        _bed.Put(CpuBed.Code, a =>
        {
            Label loop = a.CreateLabel();
            a.sti();
            a.nop();
            a.Label(ref loop);
            a.inc(rbx);
            a.jmp(loop);
        });
        _bed.Cpu.Run(1000).Should().Be(CpuStop.Budget);
        _bed.Platform.Interrupts.Enqueue(0x40);
        _bed.Cpu.RaiseAttention();

        _bed.Cpu.Run(1000).Should().Be(CpuStop.Attention);
        _bed.Cpu.Run(1000).Should().Be(CpuStop.Budget);

        Taken.Should().Be(1);
        ReturnAddress.Should().Be(CpuBed.Code + 2);
    }

    [Fact]
    public void With_interrupts_off_nothing_is_taken_until_STI_and_one_instruction()
    {
        _bed.Platform.Interrupts.Enqueue(0x40);
        _bed.Run(a =>
        {
            a.nop();
            a.sti();
            a.inc(rbx);
            a.inc(rbx);
            a.hlt();
        });

        Taken.Should().Be(1);
        ReturnAddress.Should().Be(CpuBed.Code + 5, "behind the first INC");
    }

    [Fact]
    public void STI_at_the_end_of_a_page_casts_its_shadow_over_the_next()
    {
        _bed.Platform.Interrupts.Enqueue(0x40);
        ulong start = CpuBed.Code + 0xFFE;
        _bed.Put(start, a =>
        {
            a.nop();
            a.sti();
            a.inc(ebx);
            a.inc(ebx);
            a.hlt();
        });
        _bed.State->Rip = start;
        _bed.Go();

        Taken.Should().Be(1);
        ReturnAddress.Should().Be(start + 4);
    }

    [Fact]
    public void STI_and_CLI_with_one_instruction_between_open_a_window()
    {
        _bed.Platform.Interrupts.Enqueue(0x40);
        _bed.Run(a =>
        {
            a.sti();
            a.nop();
            a.cli();
            a.hlt();
        });
        Taken.Should().Be(1);
        ReturnAddress.Should().Be(CpuBed.Code + 2);
    }

    [Fact]
    public void STI_and_CLI_with_nothing_between_do_not()
    {
        _bed.Platform.Interrupts.Enqueue(0x40);
        _bed.Run(a =>
        {
            a.sti();
            a.cli();
            a.hlt();
        });
        Taken.Should().Be(0);
    }

    [Fact]
    public void POPF_that_sets_IF_lets_an_interrupt_in()
    {
        _bed.Platform.Interrupts.Enqueue(0x40);
        _bed.Run(a =>
        {
            a.push(0x202);
            a.popfq();
            a.cli();
            a.hlt();
        });
        Taken.Should().Be(1);
    }

    [Fact]
    public void HLT_waits_for_an_interrupt_and_goes_on_behind_it()
    {
        _bed.Put(CpuBed.Code, a =>
        {
            a.sti();
            a.hlt();
            a.mov(ebx, 5);
            a.cli();
            a.hlt();
        });
        _bed.Go().Should().Be(CpuStop.Halted);
        _bed.Go().Should().Be(CpuStop.Halted, "nothing has come");
        _bed.Registers.Rbx.Should().Be(0);

        _bed.Platform.Interrupts.Enqueue(0x40);
        _bed.Go().Should().Be(CpuStop.Halted);

        _bed.Registers.Rbx.Should().Be(5);
        Taken.Should().Be(1);
        ReturnAddress.Should().Be(CpuBed.Code + 2);
    }

    [Fact]
    public void An_NMI_comes_with_interrupts_off_and_not_twice_before_IRET()
    {
        _bed.Put(CpuBed.Code, a =>
        {
            a.hlt();
            a.hlt();
        });
        _bed.Go().Should().Be(CpuStop.Halted);
        _bed.Cpu.RequestNmi();
        _bed.Go().Should().Be(CpuStop.Halted);
        Taken.Should().Be(1);
        _bed.State->NmiBlocked.Should().Be(0);

        _bed.State->NmiBlocked = 1;
        _bed.Cpu.RequestNmi();
        _bed.Go().Should().Be(CpuStop.Halted);
        Taken.Should().Be(1);
    }

    [Fact]
    public void A_lower_TPR_asks_for_interrupts_again()
    {
        _bed.Run(a =>
        {
            a.sti();
            a.mov(eax, 5);
            a.mov(cr8, rax);
            a.mov(rbx, cr8);
            a.hlt();
        }).Rbx.Should().Be(5);
        _bed.Platform.Tpr.Should().Be(5);

        _bed.Platform.OnPortWrite = (_, _) => _bed.Platform.Interrupts.Enqueue(0x40);
        _bed.Run(a =>
        {
            a.@out(0x80, al);
            a.xor(eax, eax);
            a.mov(cr8, rax);
            a.cli();
            a.hlt();
        });
        Taken.Should().Be(1);
    }

    [Fact]
    public void The_budget_is_kept_within_one_block()
    {
        _bed.Put(CpuBed.Code, a =>
        {
            Label loop = a.CreateLabel();
            a.Label(ref loop);
            for (int i = 0; i < 20; i++)
                a.inc(rbx);
            a.jmp(loop);
        });

        long before = _bed.Cpu.Retired;
        _bed.Cpu.Run(1000).Should().Be(CpuStop.Budget);
        (_bed.Cpu.Retired - before).Should().BeInRange(1000, 1064);
        _bed.Registers.Rbx.Should().Be((ulong)(_bed.Cpu.Retired - before) * 20 / 21);
    }

    [Fact]
    public void A_fault_in_the_middle_of_a_block_counts_only_what_was_executed()
    {
        long before = _bed.Cpu.Retired;
        _bed.SetGate(6, CpuBed.Code + 0x100);
        _bed.Put(CpuBed.Code + 0x100, a => a.hlt());
        _bed.RunUntilHalt(a =>
        {
            a.nop();
            a.nop();
            a.nop();
            a.ud2();
        });
        (_bed.Cpu.Retired - before).Should().Be(4, "three NOPs and HLT");
    }
}
