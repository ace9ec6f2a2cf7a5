using EnclaveTesting.Engine.Accelerators.Cpuid;
using EnclaveTesting.Engine.Accelerators.Software.Cpu;
using EnclaveTesting.Engine.Machine;
using Iced.Intel;
using static Iced.Intel.AssemblerRegisters;

namespace EnclaveTesting.Engine.Tests.Software;

public sealed unsafe class SystemRegisterTests : IDisposable
{
    private readonly CpuBed _bed = new();

    public void Dispose() => _bed.Dispose();

    [Fact]
    public void CPUID_names_the_vendor_the_hypervisor_and_long_mode()
    {
        Cpuid(0).Should().Be((0xDU, 0x756E_6547U, 0x6C65_746EU, 0x4965_6E69U));
        Cpuid(0x4000_0000).Should().Be((0x4000_0001U, 0x4B4D_564BU, 0x564B_4D56U, 0x4DU));
        (Cpuid(0x4000_0001).Eax & 0x0100_0009).Should().Be(0x0100_0009, "the stable clock of KVM");
        (Cpuid(0x8000_0001).Edx & (1 << 29)).Should().NotBe(0);
        (Cpuid(1).Ecx & (1 << 24)).Should().NotBe(0, "TSC deadline makes Linux start quickly");
    }

    // KVM_HC_CLOCK_PAIRING, as drivers/ptp/ptp_kvm_x86.c asks for it; ENOSYS and EPERM of include/uapi/linux/kvm_para.h.
    [Theory]
    [InlineData(false, -1000)]
    [InlineData(true, -1)]
    public void Calls_to_the_hypervisor_are_answered_as_KVM_answers_one_that_it_does_not_know(bool isUser, long answer)
    {
        foreach (Action<Assembler> call in (Action<Assembler>[])[a => a.vmcall(), a => a.vmmcall()])
        {
            _bed.Write(CpuBed.Report, 0);
            _bed.Put(isUser ? CpuBed.UserCode : CpuBed.Code, a =>
            {
                a.mov(rax, 9);
                a.mov(rbx, 0x1234);
                call(a);
                a.mov(__qword_ptr[CpuBed.Data], rax);
                a.mov(__qword_ptr[CpuBed.Data + 8], rbx);
                a.ud2();
            });
            if (isUser)
                _bed.EnterUser();
            else
                _bed.EnterLong();
            _bed.Go();

            _bed.ExpectFault(6, 0, "the program ends there");
            ((long)_bed.Read(CpuBed.Data)).Should().Be(answer);
            _bed.Read(CpuBed.Data + 8).Should().Be(0x1234);
        }

        _bed.Platform.Unimplemented.Should().BeEmpty();
    }

    [Fact]
    public void Each_CPU_of_a_machine_is_a_core_of_one_package()
    {
        using var second = new SoftwareCpu(1, _bed.Memory, _bed.Platform, _bed.Cpu);
        CpuidLeaf core = CpuidLeaves.Read(second, 0xB, 1);
        core.Should().Be(new CpuidLeaf(1, 2, 0x201, 1));
        (CpuidLeaves.Read(second, 1, 0).Ebx >> 16).Should().Be(0x0102);
    }

    [Theory]
    [InlineData(0x8000_0000UL, "paging without protection")]
    [InlineData(0x8000_0033UL | (1UL << 32), "the upper half")]
    [InlineData(0xA000_0033UL, "not write-through without cache disable")]
    public void CR0_refuses_what_makes_no_sense(ulong value, string what)
    {
        _bed.RunUntilHalt(a =>
        {
            a.mov(rax, value);
            a.mov(cr0, rax);
            a.hlt();
        });
        _bed.ExpectFault(13, 0, what);
    }

    [Fact]
    public void CR4_refuses_unknown_bits_and_to_leave_PAE_in_long_mode()
    {
        foreach (ulong value in (ReadOnlySpan<ulong>)[0x6A0 | (1UL << 17), 0x680, 0x6A0 | (1UL << 40)])
        {
            _bed.Write(CpuBed.Report, 0);
            _bed.RunUntilHalt(a =>
            {
                a.mov(rax, value);
                a.mov(cr4, rax);
                a.hlt();
            });
            _bed.ExpectFault(13, 0);
        }
    }

    [Fact]
    public void Model_specific_registers_of_the_CPU_keep_what_is_written()
    {
        foreach (uint index in (ReadOnlySpan<uint>)[0xC000_0081, 0xC000_0082, 0xC000_0100, 0xC000_0101, 0xC000_0102, 0xC000_0103, 0x174, 0x176, 0x277, 0x2FF, 0x200, 0x26F])
        {
            _bed.Run(a =>
            {
                a.mov(ecx, index);
                a.mov(eax, 0x0004_0106);
                a.xor(edx, edx);
                a.wrmsr();
                a.xor(eax, eax);
                a.rdmsr();
                a.hlt();
            }).Rax.Should().Be(0x0004_0106, "MSR {0:x}", index);
        }
    }

    [Fact]
    public void Other_model_specific_registers_are_the_platforms()
    {
        _bed.Platform.Msrs[0x1B] = 0xFEE0_0900;
        _bed.Run(a =>
        {
            a.mov(ecx, 0x1B);
            a.rdmsr();
            a.hlt();
        }).Rax.Should().Be(0xFEE0_0900);

        _bed.RunUntilHalt(a =>
        {
            a.mov(ecx, 0x1C);
            a.rdmsr();
            a.hlt();
        });
        _bed.ExpectFault(13, 0);
    }

    [Fact]
    public void Addresses_in_registers_must_be_canonical()
    {
        _bed.RunUntilHalt(a =>
        {
            a.mov(ecx, 0xC000_0082);
            a.mov(edx, 0x8000_0000);
            a.wrmsr();
            a.hlt();
        });
        _bed.ExpectFault(13, 0);
    }

    [Fact]
    public void Random_numbers_follow_from_the_seed()
    {
        Action<Assembler> program = a =>
        {
            a.rdrand(rax);
            a.setc(cl);
            a.rdseed(ebx);
            a.hlt();
        };
        _bed.Cpu.SeedRandom(42);
        ulong first = _bed.Run(program).Rax;
        first.Should().NotBe(_bed.Run(program).Rax);
        _bed.Cpu.SeedRandom(42);
        _bed.Run(program).Rax.Should().Be(first);
        ((byte)_bed.Registers.Rcx).Should().Be(1);
    }

    [Fact]
    public void RDTSC_asks_the_platform_and_RDPID_tells_the_auxiliary_value()
    {
        _bed.Platform.Tsc = 0x5_0000_0000;
        _bed.State->TscAux = 3;
        _bed.Run(a =>
        {
            a.rdtscp();
            a.rdpid(rbx);
            a.hlt();
        });
        _bed.Registers.Rax.Should().Be(10);
        _bed.Registers.Rdx.Should().Be(5);
        _bed.Registers.Rcx.Should().Be(3);
        _bed.Registers.Rbx.Should().Be(3);
    }

    [Fact]
    public void Debug_registers_keep_their_fixed_bits()
    {
        _bed.Run(a =>
        {
            a.mov(rax, 0x1234);
            a.mov(dr0, rax);
            a.xor(eax, eax);
            a.mov(dr6, rax);
            a.mov(dr7, rax);
            a.mov(rbx, dr6);
            a.mov(rcx, dr7);
            a.mov(rdx, dr0);
            a.hlt();
        });
        _bed.Registers.Rbx.Should().Be(0xFFFF_0FF0);
        _bed.Registers.Rcx.Should().Be(0x400);
        _bed.Registers.Rdx.Should().Be(0x1234);
    }

    [Fact]
    public void UMIP_hides_tables_from_ring_3()
    {
        _bed.State->Cr4 |= ControlBits.Cr4Umip;
        _bed.Put(CpuBed.UserCode, a => a.sgdt(__[rsp - 16]));
        _bed.EnterUser();
        _bed.Go();
        _bed.ExpectFault(13, 0);
    }

    private (uint Eax, uint Ebx, uint Ecx, uint Edx) Cpuid(uint leaf)
    {
        _bed.Run(a =>
        {
            a.mov(eax, leaf);
            a.xor(ecx, ecx);
            a.cpuid();
            a.hlt();
        });
        return ((uint)_bed.Registers.Rax, (uint)_bed.Registers.Rbx, (uint)_bed.Registers.Rcx, (uint)_bed.Registers.Rdx);
    }
}
