using EnclaveTesting.Engine.Accelerators.Software.Cpu;
using Iced.Intel;
using static Iced.Intel.AssemblerRegisters;

namespace EnclaveTesting.Engine.Tests.Software;

/// <summary>32-bit programs of a 64-bit kernel, as Linux runs them: their ways into the kernel and back.</summary>
public sealed unsafe class CompatibilityModeTests : IDisposable
{
    private const ulong Entry = CpuBed.Code + 0x400;
    private const uint SysenterCs = 0x174, SysenterEsp = 0x175, SysenterEip = 0x176;

    private readonly CpuBed _bed = new();

    public void Dispose() => _bed.Dispose();

    [Fact]
    public void INT_80_reaches_the_64_bit_kernel_and_IRET_goes_back()
    {
        _bed.SetGate(0x80, Entry, type: 0xEE);
        _bed.Put(Entry, a =>
        {
            a.mov(rdx, __[rsp]);
            a.mov(rsi, __[rsp + 8]);
            a.mov(rdi, __[rsp + 24]);
            a.add(rax, 1);
            a.iretq();
        });
        RunUser(a =>
        {
            a.mov(eax, 0xFFFF_FFFF);
            a.@int(0x80);
            a.mov(ebx, eax);
            a.int3();
        });

        _bed.ExpectFault(3, 0).Cs.Should().Be(CpuBed.UserCode32);
        _bed.Registers.Rdx.Should().Be(CpuBed.UserCode + 7, "the return address");
        _bed.Registers.Rsi.Should().Be(CpuBed.UserCode32);
        _bed.Registers.Rdi.Should().Be(CpuBed.Stack, "the program's stack pointer");
        _bed.Registers.Rbx.Should().Be(0, "moves of 32 bits cut what the kernel left above");
    }

    [Fact]
    public void SYSENTER_reaches_the_64_bit_kernel_and_SYSEXIT_goes_back()
    {
        _bed.Put(Entry, a =>
        {
            a.mov(rsi, rsp);
            a.mov(edx, (int)CpuBed.UserCode + 0x100);
            a.mov(ecx, (int)CpuBed.Stack - 64);
            a.sysexit();
        });
        WriteMsr(SysenterCs, CpuBed.KernelCode);
        WriteMsr(SysenterEsp, CpuBed.InnerStack - 32);
        WriteMsr(SysenterEip, Entry);
        // SYSEXIT takes the segments 16 and 24 bytes behind: the bed's 32-bit user code and user data.
        _bed.Put(CpuBed.UserCode + 0x100, a => a.int3(), 32);
        RunUser(a => a.sysenter());

        ReportedFault fault = _bed.ExpectFault(3, 0);
        fault.Rip.Should().Be(CpuBed.UserCode + 0x101);
        fault.Cs.Should().Be(CpuBed.UserCode32);
        fault.Rsp.Should().Be(CpuBed.Stack - 64);
        fault.Ss.Should().Be(CpuBed.UserData);
        _bed.Registers.Rsi.Should().Be(CpuBed.InnerStack - 32);
    }

    [Fact]
    public void SYSCALL_from_compatibility_mode_is_undefined_as_on_Intels_processors()
    {
        RunUser(a => a.syscall());
        _bed.ExpectFault(6, 0).Cs.Should().Be(CpuBed.UserCode32);
    }

    [Fact]
    public void SYSRET_returns_to_a_32_bit_program()
    {
        _bed.SetGate(3, CpuBed.Handlers + (3 * CpuBed.HandlerSize), type: 0xEE);
        _bed.State->Star = (ulong)(CpuBed.UserCode32 & ~3) << 48;
        _bed.Put(CpuBed.UserCode, a => a.int3(), 32);
        _bed.RunUntilHalt(a =>
        {
            a.mov(rcx, CpuBed.UserCode);
            a.mov(r11d, 2);
            a.sysret();
        });

        ReportedFault fault = _bed.ExpectFault(3, 0);
        fault.Cs.Should().Be(CpuBed.UserCode32);
        fault.Ss.Should().Be(CpuBed.UserData);
        fault.Rip.Should().Be(CpuBed.UserCode + 1);
    }

    [Fact]
    public void Programs_see_no_more_than_32_bits_and_8_registers()
    {
        RunUser(a =>
        {
            a.mov(eax, -1);
            a.inc(eax);                                     // 40h: a REX prefix in 64-bit mode
            a.mov(ebx, __dword_ptr[eax + (int)CpuBed.Data]);
            a.push(ebx);
            a.mov(ecx, esp);
            a.aaa();                                        // not there in 64-bit mode
            a.int3();
        }, data: 0x1234_5678_9ABC_DEF0);

        _bed.ExpectFault(3, 0);
        _bed.Registers.Rbx.Should().Be(0x9ABC_DEF0);
        _bed.Registers.Rcx.Should().Be(CpuBed.Stack - 4);
    }

    private void WriteMsr(uint index, ulong value) => _bed.Cpu.WriteMsr(index, value).Should().BeTrue();

    private void RunUser(Action<Assembler> program, ulong data = 0)
    {
        _bed.SetGate(3, CpuBed.Handlers + (3 * CpuBed.HandlerSize), type: 0xEE);
        _bed.Write(CpuBed.Data, data);
        _bed.Put(CpuBed.UserCode, program, 32);
        _bed.State->SegmentSelector[CpuState.Cs] = CpuBed.UserCode32;
        _bed.State->SegmentAttributes[CpuState.Cs] = 0xC0FB;
        _bed.State->SegmentSelector[CpuState.Ss] = CpuBed.UserData;
        _bed.State->SegmentAttributes[CpuState.Ss] = 0xC0F3;
        _bed.State->Cpl = 3;
        _bed.State->Gpr[4] = CpuBed.Stack;
        _bed.State->Rip = CpuBed.UserCode;
        _bed.Cpu.StateReplaced();
        _bed.Go().Should().Be(CpuStop.Halted);
    }
}
