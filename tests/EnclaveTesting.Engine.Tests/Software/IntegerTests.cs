using EnclaveTesting.Engine.Accelerators.Software.Cpu;
using Iced.Intel;
using static Iced.Intel.AssemblerRegisters;

namespace EnclaveTesting.Engine.Tests.Software;

public class IntegerTests
{
    [Fact]
    public void Sums_in_a_loop()
    {
        using var bed = new CpuBed();

        bed.Run(a =>
        {
            Label loop = a.CreateLabel();
            a.mov(ecx, 100);
            a.xor(eax, eax);
            a.Label(ref loop);
            a.add(rax, rcx);
            a.mov(__[CpuBed.Data + 8], rax);
            a.mov(rbx, __[CpuBed.Data + 8]);
            a.dec(rcx);
            a.jne(loop);
            a.hlt();
        }).Rbx.Should().Be(5050);

        bed.Registers.Rflags.Should().Be(CpuState.Zf | CpuState.Pf | 2);
    }
}
