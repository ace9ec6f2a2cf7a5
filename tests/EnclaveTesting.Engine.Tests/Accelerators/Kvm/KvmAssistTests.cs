using System.Diagnostics;
using System.Runtime.Versioning;
using EnclaveTesting.Engine.Accelerators;
using EnclaveTesting.Engine.Boot;
using EnclaveTesting.Engine.Machine;
using EnclaveTesting.Engine.Memory;
using EnclaveTesting.Engine.Tests.Machine;
using Iced.Intel;
using Xunit.Abstractions;
using static Iced.Intel.AssemblerRegisters;

namespace EnclaveTesting.Engine.Tests.Accelerators.Kvm;

/// <summary>Guests on KVM with instructions that KVM cannot execute: the software CPU does.</summary>
[Collection(AloneCollection.Name)]
[SupportedOSPlatform("linux")]
public class KvmAssistTests(ITestOutputHelper output)
{
    private const string LinuxVariable = "ENCLAVE_TEST_LINUX_ON_KVM";

    private const ulong KernelCode = 0x20_0000, PageFaultHandler = 0x20_0800;
    private static readonly TimeSpan LinuxPatience = TimeSpan.FromMinutes(30);

    [KvmFact]
    public async Task Results_are_those_of_the_software_cpu()
    {
        await using BareMetalGuest software = BareMetalGuest.Start("assist", new MicroVmOptions { Accelerator = Accelerator.Software });
        (await software.ExitAsync()).Reason.Should().Be(VmExitReason.Reboot, software.Console);

        await using BareMetalGuest kvm = BareMetalGuest.Start("assist", new MicroVmOptions { Accelerator = Accelerator.Kvm });
        VmExit exit = await kvm.ExitAsync();

        exit.Reason.Should().Be(VmExitReason.Reboot, $"{exit}\n{kvm.Console}");
        kvm.Console.Should().Be(software.Console);
        kvm.Console.Should().Contain("cmpxchg16b: 1, 3 4").And.Contain("movd of a register: 74726976").And.Contain("int: 3\n")
            .And.MatchRegex("EXCEPTION vector 14 error 0x0 rip 0x[0-9a-f]{16} cr2 0x0000123456789000\n$");
        output.WriteLine(string.Join('\n', kvm.Machine.Diagnostics));
        if (!KvmFactAttribute.Probe.Works)
            kvm.Machine.Diagnostics.Should().ContainSingle().Which.Should().MatchRegex("^[0-9]{2,} instructions executed by software assist, first: popcnt ");
    }

    [EmulatingKvmFact]
    public async Task Without_assist_the_first_such_instruction_is_the_end()
    {
        await using BareMetalGuest guest = BareMetalGuest.Start("assist", new MicroVmOptions { Accelerator = Accelerator.Kvm, SoftwareAssist = false });

        VmExit exit = await guest.ExitAsync();

        exit.Reason.Should().Be(VmExitReason.HypervisorError);
        exit.Detail.Should().Be("KVM could not emulate an instruction (KVM_EXIT_INTERNAL_ERROR, suberror 1).");
        guest.Machine.Diagnostics.Should().BeEmpty();
    }

    [EmulatingKvmFact]
    public async Task What_neither_knows_says_what_was_tried_and_leaves_nothing_behind()
    {
        ProcessResources? before = null;
        for (int i = -2; i < 10; i++)
        {
            if (i == 0)
                before = ProcessResources.Measure();
            using KvmMachineBed bed = KvmMachineBed.Start(
                c =>
                {
                    c.popcnt(rax, rbx);
                    c.vpaddd(zmm1, zmm2, zmm3);
                },
                assist: true);

            VmExit exit = await bed.Ended;

            exit.Reason.Should().Be(VmExitReason.HypervisorError);
            exit.Detail.Should().Be("KVM could not emulate an instruction (KVM_EXIT_INTERNAL_ERROR, suberror 1). "
                + "The software CPU was asked to execute it, and could not: the software CPU does not know vpaddd zmm1,zmm2,zmm3 either.");
            exit.InstructionBytes.ToArray().Should().StartWith([0x62, 0xF1, 0x6D, 0x48, 0xFE, 0xCB]);
            bed.Machine.Diagnostics.Should().ContainSingle().Which.Should().StartWith("1 instructions executed by software assist, first: popcnt rax,rbx at 0x2000 (f3480fb8c3)");
        }

        ProcessResources after = ProcessResources.MeasureWhen(now => now.HoldsNoEnclave && now.Descriptors <= before!.Descriptors + 3);
        after.HoldsNoEnclave.Should().BeTrue(after.ToString());
        after.Descriptors.Should().BeLessThanOrEqualTo(before!.Descriptors + 3);
    }

    [EmulatingKvmFact]
    public async Task Extended_state_goes_to_memory_and_back()
    {
        const ulong area = 0x1_0000;
        byte[] numbers = [.. Enumerable.Range(1, 64).Select(i => (byte)i)];
        using KvmMachineBed bed = KvmMachineBed.Start(
            c =>
            {
                c.mov(rax, cr4);
                c.or(eax, 1 << 18); // OSXSAVE
                c.mov(cr4, rax);
                c.xor(ecx, ecx);
                c.xor(edx, edx);
                c.mov(eax, 7);
                c.xsetbv();
                c.fninit();
                c.mov(ebx, (int)KvmMachineBed.Data);
                c.movups(xmm3, __[rbx]);
                c.paddd(xmm3, xmm3);
                c.movups(xmm9, __[rbx + 16]);
                c.pinsrd(xmm9, __dword_ptr[rbx], 1);
                c.mov(edi, (int)area);
                c.mov(eax, 7);
                c.xsaves64(__[rdi]);
                c.pxor(xmm3, xmm3);
                c.pxor(xmm9, xmm9);
                c.mov(eax, 7);
                c.xrstors64(__[rdi]);
                c.movups(__[KvmMachineBed.Results], xmm3);
                c.movups(__[KvmMachineBed.Results + 16], xmm9);
                c.mov(al, 0xFE);
                c.@out(0x64, al);
            },
            numbers,
            assist: true);

        VmExit exit = await bed.Ended;

        exit.Reason.Should().Be(VmExitReason.Reboot, exit.ToString());
        byte[] expected = [.. Enumerable.Range(1, 16).Select(i => (byte)(2 * i)), .. numbers[16..20], .. numbers[..4], .. numbers[24..32]];
        bed.Memory.GetSpan(new GuestAddress(KvmMachineBed.Results), 32).ToArray().Should().Equal(expected);
        bed.Memory.GetSpan(new GuestAddress(area + 160 + (3 * 16)), 16).ToArray().Should().Equal(expected[..16], "XMM3 in the legacy region");
        bed.Memory.TryRead(new GuestAddress(area + 520), out ulong layout).Should().BeTrue();
        layout.Should().Be(0x8000_0000_0000_0007);
        output.WriteLine(string.Join('\n', bed.Machine.Diagnostics));
    }

    // On a KVM that knows the instruction this is the processor's own affair.
    [KvmFact]
    public async Task Locked_instructions_are_whole_for_other_processors()
    {
        await using BareMetalGuest guest = BareMetalGuest.Start("smp", new MicroVmOptions { Accelerator = Accelerator.Kvm, Cpus = 4, ExtraCommandLine = "smp.pairs" });

        VmExit exit = await guest.ExitAsync();

        exit.Reason.Should().Be(VmExitReason.Reboot, $"{exit}\n{guest.Console}");
        guest.Console.Should().Contain("smp: pairs counted to 100, as they should");
        output.WriteLine(string.Join('\n', guest.Machine.Diagnostics));
    }

    [EmulatingKvmFact]
    public async Task Interrupt_controllers_stay_with_the_kernel()
    {
        using KvmMachineBed bed = KvmMachineBed.Start(
            c =>
            {
                c.mov(eax, unchecked((int)0xFEE0_0020));
                c.movd(xmm0, __dword_ptr[rax]);
            },
            assist: true);

        VmExit exit = await bed.Ended;

        exit.Reason.Should().Be(VmExitReason.HypervisorError);
        exit.Detail.Should().Contain("could not: a read of an interrupt controller's register at 0xfee00020");
    }

    // On a KVM that emulates the kernel the entries need help, on others not: the guest sees no difference, nor when it moves in the midst of one.
    [KvmFact]
    public async Task System_calls_reach_the_kernel_and_return()
    {
        using KvmMachineBed bed = KvmMachineBed.Start(StartUser, assist: true, prepare: PrepareUser);
        await bed.WaitForConsoleAsync(1);

        bed.Move();
        bed.Answer = 1;
        VmExit exit = await bed.Ended;

        exit.Reason.Should().Be(VmExitReason.Reboot, $"{exit}\n{bed.Console}");
        bed.Console.Should().Be("LLLL");
        output.WriteLine(string.Join('\n', bed.Machine.Diagnostics));
        if (!KvmFactAttribute.Probe.Works)
            bed.Machine.Diagnostics.Should().Contain("3 system calls entered by software assist", "the first one was before the move");
    }

    // With the image's own command line: the kernel uses whatever CPUID tells it of.
    [EmulatingKvmFact(OnlyWith = LinuxVariable)]
    public async Task Linux_gets_to_its_heartbeat_and_its_application_answers()
    {
        await using BareMetalGuest linux = BareMetalGuest.Start(
            LinuxGuest.Image(), new MicroVmOptions { Accelerator = Accelerator.Kvm }, start: false, LinuxPatience);
        using Engine.Devices.Vsock.VsockListener heartbeat = linux.Machine.Vsock.Listen(9000);
        using Engine.Devices.Vsock.VsockListener ready = linux.Machine.Vsock.Listen(9001);
        var time = Stopwatch.StartNew();
        linux.Machine.Start();
        try
        {
            await linux.AnswerAsync(heartbeat);
            output.WriteLine($"Heartbeat after {time.Elapsed.TotalSeconds:0} s.");
            using Engine.Devices.Vsock.VsockStream stream = await linux.WithinAsync(ready.AcceptAsync().AsTask());
            (await linux.ReadToEndAsync(stream)).Should().Be("ready\n");
            (await linux.CommandAsync("ping")).Should().Be("pong");
            output.WriteLine($"Answer after {time.Elapsed.TotalSeconds:0} s.");
        }
        finally
        {
            output.WriteLine(linux.Console);
            output.WriteLine(string.Join('\n', linux.Machine.Diagnostics));
        }

        linux.Machine.Diagnostics.Should().Contain(line => line.EndsWith("system calls entered by software assist", StringComparison.Ordinal));
    }

    private static void StartUser(Assembler c)
    {
        WriteMsr(c, 0xC000_0080, 0x501);
        WriteMsr(c, 0xC000_0081, 0x0020_0010UL << 32);
        WriteMsr(c, 0xC000_0084, 0x700);
        WriteMsr(c, 0xC000_0082, KernelCode);
        Label user = c.CreateLabel();
        c.mov(ebx, 4);
        c.push(KvmMachineBed.UserData | 3);
        c.push((int)BootLayout.StackTop);
        c.push(2);
        c.push(KvmMachineBed.UserCode | 3);
        c.lea(rax, __[user]);
        c.push(rax);
        c.iretq();
        c.Label(ref user);
        c.syscall();
        c.dec(ebx);
        c.jmp(user);
    }

    // The first 2 MiB are the user's; the kernel's part is above. Its entry prints a letter and waits until it is let go; at the fourth it resets.
    private static void PrepareUser(GuestMemory memory, ulong tables)
    {
        const ulong present = 1, user = 4, addressMask = 0x000F_FFFF_FFFF_F000, interruptGate = 0x8E00_0000_0000;
        ulong table = tables;
        for (int level = 0; level < 3; level++)
        {
            memory.TryRead(new GuestAddress(table), out ulong entry).Should().BeTrue();
            (entry & present).Should().Be(present);
            memory.Write(new GuestAddress(table), entry | user);
            table = entry & addressMask;
        }

        memory.Write(new GuestAddress(BootLayout.Gdt + KvmMachineBed.UserData), 0x00CF_F300_0000_FFFFUL);
        memory.Write(new GuestAddress(BootLayout.Gdt + KvmMachineBed.UserCode), 0x00AF_FB00_0000_FFFFUL);
        memory.Write(new GuestAddress(4), KernelCode + 0x1_0000); // RSP0 of the TSS at 0
        const ulong gate = KvmMachineBed.Idt + (14 * 16);
        memory.Write(new GuestAddress(gate), (PageFaultHandler & 0xFFFF) | ((ulong)BootLayout.CodeSelector << 16) | interruptGate | (PageFaultHandler >> 16 << 48));
        KvmMachineBed.Put(memory, KernelCode, c =>
        {
            c.swapgs();
            c.mov(al, (byte)'L');
            c.@out(KvmMachineBed.Port, al);
            Label wait = c.CreateLabel();
            c.Label(ref wait);
            c.@in(al, KvmMachineBed.Port);
            c.test(al, al);
            c.je(wait);
            c.cmp(ebx, 1);
            Label back = c.CreateLabel();
            c.jne(back);
            c.mov(al, 0xFE);
            c.@out(0x64, al);
            c.Label(ref back);
            c.swapgs();
            c.sysretq();
        });
        KvmMachineBed.Put(memory, PageFaultHandler, c =>
        {
            c.mov(al, (byte)'P');
            c.@out(KvmMachineBed.Port, al);
            c.mov(al, 0xFE);
            c.@out(0x64, al);
        });
    }

    private static void WriteMsr(Assembler c, uint index, ulong value)
    {
        c.mov(ecx, index);
        c.mov(eax, (uint)value);
        c.mov(edx, (uint)(value >> 32));
        c.wrmsr();
    }
}
