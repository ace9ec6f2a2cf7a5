using System.Runtime.InteropServices;
using System.Runtime.Versioning;
using EnclaveTesting.Engine.Accelerators;
using EnclaveTesting.Engine.Accelerators.Kvm;
using EnclaveTesting.Engine.Machine;
using EnclaveTesting.Engine.Memory;
using Iced.Intel;
using static Iced.Intel.AssemblerRegisters;

namespace EnclaveTesting.Engine.Tests.Accelerators.Kvm;

/// <summary>The whole state of a machine on KVM: captured, put into another one, and the guest does not notice.</summary>
[SupportedOSPlatform("linux")]
public class KvmStateTests
{
    [KvmTheory]
    [InlineData("timer", 1, "timer: tick 5\r\ntimer: done\r\n")]
    [InlineData("smp", 1, "smp: 1 cpus counted to 1000, as they should\r\n")]
    [InlineData("smp", 4, "smp: 4 cpus counted to 4000, as they should\r\n")]
    public async Task A_guest_goes_on_in_another_machine(string guest, int cpus, string end)
    {
        using KvmMachineBed still = KvmMachineBed.Start(guest, cpus);
        (await still.Ended).Reason.Should().Be(VmExitReason.Reboot, still.Console);
        still.Console.Should().EndWith(end);

        const int bytesBetweenMoves = 11, leastMoves = 2;
        using KvmMachineBed moving = KvmMachineBed.Start(guest, cpus, room: bytesBetweenMoves);
        int next = bytesBetweenMoves;
        for (int moves = 1; ; moves++)
        {
            await moving.WaitForConsoleAsync(next);
            if (moving.Ended.IsCompleted)
                break;
            moving.Move();
            next = moving.Console.Length + bytesBetweenMoves;
            // The guest does not get away before it has moved some times; after that it runs meanwhile.
            moving.Room = moves < leastMoves ? next : int.MaxValue;
        }

        (await moving.Ended).Reason.Should().Be(VmExitReason.Reboot, moving.Console);
        moving.Console.Should().Be(still.Console);
    }

    [KvmFact]
    public async Task Registers_of_every_kind_go_along()
    {
        const int fxsaveSize = 512, msrResults = fxsaveSize, debugResults = msrResults + (8 * 10), generalResults = debugResults + (8 * 5);
        (uint Index, ulong Value)[] msrs =
        [
            (0xC000_0081, 0x0013_0008_0000_0000), (0xC000_0082, 0xFFFF_8000_1234_5678), (0xC000_0084, 0x4_7700), (0xC000_0102, 0x1122_3344_5566),
            (0xC000_0100, 0x1111_2222_3333), (0xC000_0101, 0x2222_3333_4444), (0x174, 0x10), (0x175, 0x7766_5544), (0x176, 0x1357_9BDF),
            (0x277, 0x0007_0406_0007_0106),
        ];
        ulong[] debug = [0x1000, 0x2000, 0x3000, 0x4000, 0x400];
        AssemblerRegister64[] general = [rbx, rbp, rsi, rdi, r8, r9, r10, r11, r12, r13, r14, r15];
        byte[] image = new byte[fxsaveSize];
        for (int i = 0; i < 16 * 16; i++)
            image[160 + i] = (byte)(i * 7);
        for (int i = 0; i < 8; i++)
            new byte[] { 1, 2, 3, 4, 5, 6, 7, (byte)(0x80 + i), (byte)i, 0x40 }.CopyTo(image, 32 + (i * 16));
        MemoryMarshal.Write(image, (ushort)0x27F);
        MemoryMarshal.Write(image.AsSpan(2), (ushort)0x3000);
        image[4] = 0xFF;
        MemoryMarshal.Write(image.AsSpan(24), 0x9FC0u);

        using KvmMachineBed bed = KvmMachineBed.Start(
            c =>
            {
                c.fxrstor64(__[KvmMachineBed.Data]);
                foreach ((uint index, ulong value) in msrs)
                {
                    c.mov(ecx, index);
                    c.mov(eax, (uint)value);
                    c.mov(edx, (uint)(value >> 32));
                    c.wrmsr();
                }

                foreach ((AssemblerRegisterDR register, ulong value) in ((AssemblerRegisterDR[])[dr0, dr1, dr2, dr3, dr7]).Zip(debug))
                {
                    c.mov(rax, value);
                    c.mov(register, rax);
                }

                for (int i = 0; i < general.Length; i++)
                    c.mov(general[i], 0x0101_0101_0101_0101UL * (ulong)(i + 1));
                c.mov(al, (byte)'a');
                c.@out(KvmMachineBed.Port, al);
                Label wait = c.CreateLabel();
                c.Label(ref wait);
                c.@in(al, KvmMachineBed.Port);
                c.test(al, al);
                c.je(wait);
                for (int i = 0; i < general.Length; i++)
                    c.mov(__[(int)KvmMachineBed.Results + generalResults + (8 * i)], general[i]);
                c.mov(ebx, (uint)KvmMachineBed.Results);
                c.fxsave64(__[rbx]);
                for (int i = 0; i < msrs.Length; i++)
                {
                    c.mov(ecx, msrs[i].Index);
                    c.rdmsr();
                    c.mov(__[rbx + msrResults + (8 * i)], eax);
                    c.mov(__[rbx + msrResults + (8 * i) + 4], edx);
                }

                foreach ((AssemblerRegisterDR register, int i) in ((AssemblerRegisterDR[])[dr0, dr1, dr2, dr3, dr7]).Zip(Enumerable.Range(0, 5)))
                {
                    c.mov(rax, register);
                    c.mov(__[rbx + debugResults + (8 * i)], rax);
                }

                c.mov(al, 0xFE);
                c.@out(0x64, al);
            },
            image);
        await bed.WaitForConsoleAsync(1);

        bed.Move();
        bed.Answer = 1;
        VmExit exit = await bed.Ended;

        exit.Reason.Should().Be(VmExitReason.Reboot, exit.ToString());
        byte[] results = bed.Memory.GetSpan(new GuestAddress(KvmMachineBed.Results), generalResults + (8 * general.Length)).ToArray();
        results[..6].Should().Equal(image[..6], "x87 control, status and tag words");
        results[24..28].Should().Equal(image[24..28], "MXCSR");
        for (int i = 0; i < 8; i++)
            results.AsSpan(32 + (i * 16), 10).ToArray().Should().Equal(image.AsSpan(32 + (i * 16), 10).ToArray(), $"ST({i})");
        results[160..416].Should().Equal(image[160..416], "XMM registers");
        MemoryMarshal.Cast<byte, ulong>(results.AsSpan(msrResults, 8 * msrs.Length)).ToArray().Should().Equal(msrs.Select(msr => msr.Value));
        MemoryMarshal.Cast<byte, ulong>(results.AsSpan(debugResults, 8 * 5)).ToArray().Should().Equal(debug);
        MemoryMarshal.Cast<byte, ulong>(results.AsSpan(generalResults)).ToArray().Should().Equal(general.Select((_, i) => 0x0101_0101_0101_0101UL * (ulong)(i + 1)));
    }

    [KvmFact]
    public async Task A_paused_guest_stands_still_and_goes_on()
    {
        using KvmMachineBed bed = KvmMachineBed.Start("timer", 1, room: 100);
        await bed.WaitForConsoleAsync(100);

        bed.Machine.Pause();
        CpuPosition first = Position(bed), second = Position(bed);
        int printed = bed.Console.Length;
        bed.Machine.Pause();

        second.Should().Be(first);
        bed.Console.Length.Should().Be(printed);
        bed.Room = int.MaxValue;
        bed.Machine.Resume();
        bed.Machine.Resume();
        (await bed.Ended).Reason.Should().Be(VmExitReason.Reboot);
        bed.Console.Should().EndWith("timer: done\r\n");
    }

    [KvmFact]
    public async Task A_paused_machine_can_be_given_up()
    {
        KvmMachineBed bed = KvmMachineBed.Start("smp", 4, room: 10);
        await bed.WaitForConsoleAsync(10);
        bed.Machine.Pause();

        await Task.Run(bed.Dispose).WaitAsync(Machine.BareMetalGuest.Patience);
    }

    [KvmTheory]
    [InlineData("another number of CPUs", typeof(ArgumentException))]
    [InlineData("an unknown kind of extended state", typeof(AcceleratorUnavailableException))]
    [InlineData("too little extended state", typeof(AcceleratorUnavailableException))]
    [InlineData("too much CPUID", typeof(AcceleratorUnavailableException))]
    [InlineData("an unknown MSR", typeof(AcceleratorUnavailableException))]
    public async Task A_state_that_cannot_be_is_refused(string what, Type exception)
    {
        using KvmMachineBed bed = KvmMachineBed.Start("spin", 1);
        await bed.WaitForConsoleAsync(10);

        Action move = () => bed.Move(state =>
        {
            KvmVirtualCpuState cpu = state.Cpus[0];
            switch (what)
            {
                case "another number of CPUs":
                    state.Cpus = [cpu, cpu];
                    break;
                case "an unknown kind of extended state":
                    cpu.Extended.AsSpan(512, 8).Fill(0xFF); // XSTATE_BV
                    break;
                case "too little extended state":
                    cpu.Extended = cpu.Extended[..4095];
                    break;
                case "too much CPUID":
                    cpu.Cpuid = new KvmCpuidEntry[KvmCpuidTable.Capacity + 1];
                    break;
                default:
                    cpu.Msrs = [.. cpu.Msrs, new KvmMsrEntry { Index = 0x1234_5678, Value = 1 }];
                    break;
            }
        });

        move.Should().Throw<Exception>().Which.Should().BeOfType(exception);
    }

    private static CpuPosition Position(KvmMachineBed bed)
    {
        KvmVirtualCpuState cpu = bed.Machine.Capture().Cpus[0];
        return new CpuPosition(cpu.Registers.Rip, cpu.Registers.Rsp, cpu.Registers.Rflags, cpu.MpState);
    }

    private readonly record struct CpuPosition(ulong Rip, ulong Rsp, ulong Flags, uint MpState);
}
