using EnclaveTesting.Engine.Devices;
using EnclaveTesting.Engine.Machine;
using Iced.Intel;
using static Iced.Intel.AssemblerRegisters;

namespace EnclaveTesting.Engine.Tests.Software;

/// <summary>The thread that runs software CPUs: ends, stops, wake-ups, interrupts.</summary>
public class SoftwareVirtualMachineTests
{
    private const uint LocalApic = 0xFEE0_0000;
    private const ulong Handler = 0x3000;

    [Fact]
    public async Task A_cpu_that_halts_with_interrupts_off_ends_the_machine()
    {
        using var bed = new SoftwareMachineBed(c => c.hlt());
        bed.Start();

        VmExit exit = await bed.EndAsync();
        bed.Machine.Join();

        exit.Reason.Should().Be(VmExitReason.Halt);
        bed.Machine.TryReadRegisters(0, out CpuRegisters registers, out CpuSystemRegisters system).Should().BeTrue();
        registers.Rip.Should().Be(SoftwareMachineBed.Code + 1);
        system.Cr0.Should().Be(0x11);
    }

    [Fact]
    public async Task A_triple_fault_is_told_with_registers_and_bytes()
    {
        using var bed = new SoftwareMachineBed(c =>
        {
            c.mov(ebx, 0x1234_5678);
            c.ud2();
        });
        bed.Start();

        VmExit exit = await bed.EndAsync();

        exit.Reason.Should().Be(VmExitReason.TripleFault);
        exit.Cpu.Should().Be(0);
        exit.Registers!.Value.Rbx.Should().Be(0x1234_5678);
        exit.Registers!.Value.Rip.Should().Be(SoftwareMachineBed.Code + 5);
        exit.InstructionBytes.Length.Should().Be(15);
        exit.InstructionBytes.Span[..2].ToArray().Should().Equal(0x0F, 0x0B);
    }

    [Fact]
    public async Task An_exception_in_a_device_ends_the_machine_and_nothing_else()
    {
        using var bed = new SoftwareMachineBed(c =>
        {
            c.mov(eax, 0xABCD);
            c.@out((byte)SoftwareMachineBed.Port, eax);
            c.hlt();
        });
        bed.OnWrite = _ => throw new InvalidOperationException("the device is broken");
        bed.Start();

        VmExit exit = await bed.EndAsync();
        bed.Machine.Join();

        exit.Reason.Should().Be(VmExitReason.HypervisorError);
        exit.Detail.Should().Contain("the device is broken");
        exit.Registers!.Value.Rax.Should().Be(0xABCD);
    }

    [Fact]
    public async Task Code_that_a_device_writes_runs_at_once()
    {
        const ulong function = 0x3000;
        using var bed = new SoftwareMachineBed(c =>
        {
            Label again = c.CreateLabel();
            c.Label(ref again);
            c.call(function);
            c.@out((byte)SoftwareMachineBed.Port, eax);
            c.jmp(again);
        });
        bed.Put(function, 32, c =>
        {
            c.mov(eax, 1);
            c.ret();
        });
        // By the third turn the blocks follow each other without being looked up.
        bed.OnWrite = value =>
        {
            if (bed.Written.Count == 3)
                bed.WriteByDevice(function + 1, [9]);
            if (bed.Written.Count == 5)
                bed.Ended(new VmExit(VmExitReason.Reboot, "enough"));
        };
        bed.Start();

        await bed.EndAsync();
        bed.Machine.Join();

        bed.Written.Should().Equal(1, 1, 1, 9, 9);
    }

    [Fact]
    public async Task A_stop_from_inside_a_device_stops_before_the_next_block()
    {
        using var bed = new SoftwareMachineBed(c =>
        {
            Label again = c.CreateLabel();
            c.Label(ref again);
            c.inc(eax);
            c.@out((byte)SoftwareMachineBed.Port, eax);
            c.jmp(again);
        });
        bed.OnWrite = value =>
        {
            if (value == 5)
                bed.Ended(new VmExit(VmExitReason.Reboot, "enough"));
        };
        bed.Start();

        (await bed.EndAsync()).Reason.Should().Be(VmExitReason.Reboot);
        bed.Machine.Join();

        bed.Written.Should().Equal(1, 2, 3, 4, 5);
    }

    [Theory]
    [InlineData(1, false)]
    [InlineData(3, false)]
    [InlineData(1, true)]
    public async Task Wake_gets_the_hosts_work_done_while_a_cpu_spins(int cpus, bool virtualTime)
    {
        using var bed = new SoftwareMachineBed(Spin, cpus, virtualTime);
        bed.Start();

        for (int i = 0; i < 10; i++)
        {
            bed.Machine.Wake();
            await bed.HostWorkAsync();
        }

        bed.Machine.RequestStop();
        bed.Machine.RequestStop();
        bed.Machine.Join();
    }

    [Theory]
    [InlineData(false)]
    [InlineData(true)]
    public async Task Wake_gets_the_hosts_work_done_while_all_cpus_wait(bool virtualTime)
    {
        using var bed = new SoftwareMachineBed(WaitForInterrupts, virtualTime: virtualTime);
        bed.Start();
        for (int i = 0; i < 10; i++)
        {
            bed.Machine.Wake();
            await bed.HostWorkAsync();
        }

        bed.Machine.RequestStop();
        bed.Machine.Join();
    }

    [Fact]
    public async Task A_device_that_has_work_interrupts_a_cpu_that_waits()
    {
        using var bed = new SoftwareMachineBed(WaitForInterrupts);
        bed.SetGate(5, Handler); // the 8259 pair delivers input numbers as long as nobody has set it up
        bed.Put(Handler, 32, c =>
        {
            c.mov(eax, 0x77);
            c.@out((byte)SoftwareMachineBed.Port, eax);
            c.hlt();
        });
        IInterruptLine line = bed.Machine.GetInterruptLine(new Gsi(5));
        bed.OnHostWork = () => line.SetLevel(true);
        bed.Start();

        bed.Machine.Wake();
        VmExit exit = await bed.EndAsync();

        exit.Reason.Should().Be(VmExitReason.Halt, "the handler halts with interrupts off");
        bed.Written.Should().Equal(0x77);
    }

    [Theory]
    [InlineData(false)]
    [InlineData(true)]
    public async Task The_local_apics_timer_wakes_and_repeats(bool virtualTime)
    {
        using var bed = new SoftwareMachineBed(
            c =>
            {
                c.mov(esi, LocalApic);
                c.mov(al, 0xFF);
                c.@out(0x21, al);
                c.mov(__dword_ptr[esi + 0xF0], 0x13F);
                c.mov(__dword_ptr[esi + 0x3E0], 0xB);
                c.mov(__dword_ptr[esi + 0x320], 0x2_0040);
                c.mov(__dword_ptr[esi + 0x380], 100_000);
                WaitForInterrupts(c);
            },
            virtualTime: virtualTime);
        bed.SetGate(0x40, Handler);
        bed.Put(Handler, 32, c =>
        {
            c.inc(ebx);
            c.mov(eax, ebx);
            c.@out((byte)SoftwareMachineBed.Port, eax);
            c.mov(__dword_ptr[esi + 0xB0], 0);
            c.iretd();
        });
        bed.OnWrite = value =>
        {
            if (value == 5)
                bed.Ended(new VmExit(VmExitReason.Stopped, "five"));
        };
        bed.Start();

        (await bed.EndAsync()).Detail.Should().Be("five");
        bed.Machine.Join();

        bed.Written.Should().Equal(1, 2, 3, 4, 5);
    }

    [Fact]
    public async Task A_non_maskable_interrupt_wakes_a_cpu_for_which_nothing_else_could()
    {
        using var bed = new SoftwareMachineBed(
            c =>
            {
                StartOther(c);
                Label wait = c.CreateLabel();
                c.Label(ref wait);
                c.cmp(__dword_ptr[0x1000], 0);
                c.je(wait);
                c.mov(__dword_ptr[esi + 0x300], 0x400); // NMI to CPU 1
                c.hlt();
            },
            cpus: 2);
        // The other CPU stays in real mode: vector 2 of its table at 0 is 0000:9000.
        bed.Put(8, 16, c => c.dd(0x9000));
        bed.Put(SoftwareMachineBed.StartPage, 16, c =>
        {
            c.xor(ax, ax);
            c.mov(ds, ax);
            c.mov(ss, ax);
            c.mov(sp, 0x7000);
            c.inc(__word_ptr[0x1000]);
            c.hlt();
        });
        bed.Put(0x9000, 16, c =>
        {
            c.mov(al, 0x55);
            c.@out((byte)SoftwareMachineBed.Port, al);
            c.hlt();
        });
        bed.Start();

        (await bed.EndAsync()).Reason.Should().Be(VmExitReason.Halt);
        bed.Written.Should().Equal(0x55);
    }

    [Fact]
    public async Task A_cpu_may_be_reset_and_started_anew_while_it_runs()
    {
        int starts = 0;
        using var bed = new SoftwareMachineBed(
            c =>
            {
                Label wait = c.CreateLabel(), done = c.CreateLabel(), next = c.CreateLabel();
                c.mov(ebx, 1);
                c.Label(ref next);
                StartOther(c);
                c.Label(ref wait);
                c.cmp(__dword_ptr[0x1000], ebx);
                c.jne(wait);
                c.inc(ebx);
                c.cmp(ebx, 4);
                c.jne(next);
                c.Label(ref done);
                c.hlt();
            },
            cpus: 2);
        bed.Put(SoftwareMachineBed.StartPage, 16, c =>
        {
            Label spin = c.CreateLabel();
            c.xor(ax, ax);
            c.mov(ds, ax);
            c.inc(__word_ptr[0x1000]);
            c.@out((byte)SoftwareMachineBed.Port, al);
            c.Label(ref spin);
            c.jmp(spin);
        });
        bed.OnWrite = _ =>
        {
            if (++starts == 3)
                bed.Ended(new VmExit(VmExitReason.Stopped, "three"));
        };
        bed.Start();

        (await bed.EndAsync()).Detail.Should().Be("three");
    }

    [Fact]
    public async Task A_boot_cpu_that_resets_itself_has_nothing_to_start_it()
    {
        using var bed = new SoftwareMachineBed(c =>
        {
            c.mov(esi, LocalApic);
            c.mov(__dword_ptr[esi + 0x310], 0);
            c.mov(__dword_ptr[esi + 0x300], 0x4500);
            Spin(c);
        });
        bed.Start();

        (await bed.EndAsync()).Reason.Should().Be(VmExitReason.Halt);
    }

    [Fact]
    public async Task Unknown_instructions_are_told()
    {
        using var bed = new SoftwareMachineBed(c =>
        {
            c.db(0x0F, 0x01, 0xC2); // vmlaunch
            c.hlt();
        });
        bed.Start();
        await bed.EndAsync();

        bed.Machine.Diagnostics.Should().ContainSingle().Which.Should().Contain("vmlaunch");
    }

    [Fact]
    public void A_machine_that_never_ran_can_go_and_one_that_ran_goes_twice()
    {
        new SoftwareMachineBed(Spin).Dispose();
        var bed = new SoftwareMachineBed(Spin);
        bed.Start();
        bed.Dispose();
        bed.Machine.Dispose();
        bed.Machine.Wake();
        bed.Machine.RequestStop();
    }

    private static void Spin(Assembler c)
    {
        Label again = c.CreateLabel();
        c.Label(ref again);
        c.jmp(again);
    }

    private static void WaitForInterrupts(Assembler c)
    {
        Label again = c.CreateLabel();
        c.Label(ref again);
        c.sti();
        c.hlt();
        c.jmp(again);
    }

    // INIT and SIPI to CPU 1, which begins at StartPage.
    private static void StartOther(Assembler c)
    {
        c.mov(esi, LocalApic);
        c.mov(__dword_ptr[esi + 0x310], 1 << 24);
        c.mov(__dword_ptr[esi + 0x300], 0x4500);
        c.mov(__dword_ptr[esi + 0x300], 0x4608);
    }
}
