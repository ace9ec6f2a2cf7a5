using EnclaveTesting.Engine.Accelerators.Software.Cpu;
using EnclaveTesting.Engine.Boot;
using EnclaveTesting.Engine.Memory;
using Iced.Intel;
using static Iced.Intel.AssemblerRegisters;

namespace EnclaveTesting.Engine.Tests.Software;

public sealed unsafe class SelfModifyingTests : IDisposable
{
    private readonly CpuBed _bed = new();

    public void Dispose() => _bed.Dispose();

    [Fact]
    public void A_store_to_the_next_instruction_of_the_same_block_counts()
    {
        // MOV EBX, 1 is at 7 + 7; its immediate one byte on.
        _bed.Run(a =>
        {
            Label patched = a.CreateLabel();
            a.lea(rdi, __[patched]);
            a.mov(__byte_ptr[rdi + 1], 77);
            a.Label(ref patched);
            a.mov(ebx, 1);
            a.hlt();
        }).Rbx.Should().Be(77);
    }

    [Fact]
    public void A_loop_that_patches_itself_runs_the_new_code_each_time()
    {
        _bed.Run(a =>
        {
            Label loop = a.CreateLabel(), patched = a.CreateLabel();
            a.mov(ecx, 50);
            a.xor(ebx, ebx);
            a.lea(rdi, __[patched]);
            a.Label(ref loop);
            a.mov(__[rdi + 2], cl);
            a.Label(ref patched);
            a.add(ebx, 0);
            a.dec(ecx);
            a.jne(loop);
            a.hlt();
        }).Rbx.Should().Be(50 * 51 / 2);
    }

    [Fact]
    public void Code_reached_through_links_from_another_page_is_found_changed()
    {
        ulong function = CpuBed.Code + 0x1000;
        _bed.Put(function, a =>
        {
            a.mov(eax, 1);
            a.ret();
        });
        _bed.Run(a =>
        {
            Label loop = a.CreateLabel();
            a.xor(ebx, ebx);
            a.mov(ecx, 10);
            a.Label(ref loop);
            a.call(function);
            a.add(ebx, eax);
            a.mov(__[function + 1], cl);
            a.dec(ecx);
            a.jne(loop);
            a.hlt();
        }).Rbx.Should().Be(1 + 10 + 9 + 8 + 7 + 6 + 5 + 4 + 3 + 2);
    }

    [Fact]
    public void String_stores_over_code_are_seen()
    {
        ulong function = CpuBed.Code + 0x1000, other = CpuBed.Code + 0x2000;
        foreach ((ulong at, int value) in new[] { (function, 1), (other, 2) })
        {
            _bed.Put(at, a =>
            {
                a.mov(eax, value);
                a.ret();
            });
        }

        _bed.Run(a =>
        {
            a.call(function);
            a.mov(ebx, eax);
            a.mov(rsi, other);
            a.mov(rdi, function);
            a.mov(ecx, 6);
            a.rep.movsb();
            a.call(function);
            a.hlt();
        });

        _bed.Registers.Rbx.Should().Be(1);
        _bed.Registers.Rax.Should().Be(2);
    }

    [Fact]
    public void Data_beside_code_is_written_without_throwing_the_code_away()
    {
        _bed.Run(a =>
        {
            Label loop = a.CreateLabel();
            a.mov(ecx, 1000);
            a.Label(ref loop);
            a.mov(__dword_ptr[CpuBed.Code + 0x800], ecx);
            a.dec(ecx);
            a.jne(loop);
            a.hlt();
        });
        _bed.Cpu.Code.Invalidations.Should().BeLessThan(10);
        _bed.Read(CpuBed.Code + 0x800).Should().Be(1);
    }

    [Fact]
    public void What_the_host_writes_is_seen_once_it_says_so()
    {
        Action<Assembler> loop = a =>
        {
            a.inc(rbx);
            a.jmp(CpuBed.Code);
        };
        _bed.RunUntilHalt(loop, 100).Should().Be(CpuStop.Budget);

        _bed.Memory.Write(new GuestAddress(CpuBed.Code), new byte[] { 0xF4 });
        _bed.Cpu.InvalidatePhysical(CpuBed.Code, 1);
        _bed.Go().Should().Be(CpuStop.Halted);
    }

    [Fact]
    public void What_a_device_writes_without_a_word_is_seen_when_mappings_change()
    {
        ulong function = CpuBed.Code + 0x1000;
        _bed.Put(function, a =>
        {
            a.mov(eax, 1);
            a.ret();
        });
        _bed.Platform.OnPortWrite = (_, _) => _bed.Memory.Write(new GuestAddress(function + 1), new byte[] { 9 });

        _bed.Run(a =>
        {
            a.call(function);
            a.@out(0x80, al);
            a.mov(rdx, cr3);
            a.mov(cr3, rdx);
            a.call(function);
            a.hlt();
        }).Rax.Should().Be(9);
    }

    [Fact]
    public void A_sibling_finds_the_code_that_another_CPU_has_changed()
    {
        using var sibling = new SoftwareCpu(1, _bed.Memory, _bed.Platform, _bed.Cpu);
        sibling.Enter(new BootEntry(_bed.Registers, _bed.Cpu.ReadSystemRegisters()));
        ulong function = CpuBed.Code + 0x1000;
        _bed.Put(function, a =>
        {
            a.mov(ebx, 1);
            a.hlt();
        });
        sibling.State->Rip = function;
        sibling.Run(100);
        sibling.ReadRegisters().Rbx.Should().Be(1);

        _bed.Run(a =>
        {
            a.mov(__byte_ptr[function + 1], 2);
            a.hlt();
        });
        sibling.State->Rip = function;
        sibling.State->Halted = 0;
        sibling.Run(100);

        sibling.ReadRegisters().Rbx.Should().Be(2);
    }

    [Fact]
    public void An_instruction_across_two_pages_follows_the_mapping_of_the_second()
    {
        ulong at = CpuBed.Code + 0xFFD;
        _bed.Put(at, a =>
        {
            a.mov(eax, 0x01010101);
            a.ret();
        });
        byte[] second = CpuBed.Assemble(
            a =>
            {
                a.mov(eax, 0x02020202);
                a.ret();
            },
            at)[3..];
        _bed.WriteBytes(0x9_0000, second);

        _bed.Run(a =>
        {
            a.call(at);
            a.mov(ebx, eax);
            a.mov(rdi, CpuBed.FirstPageTable + ((at + 3) >> 12 << 3));
            a.mov(__qword_ptr[rdi], 0x9_0007);
            a.invlpg(__byte_ptr[at + 3]);
            a.call(at);
            a.hlt();
        });

        _bed.Registers.Rbx.Should().Be(0x01010101);
        _bed.Registers.Rax.Should().Be(0x02020101);
    }

    [Fact]
    public void More_code_than_the_cache_holds_only_costs_time()
    {
        // Each round patches an immediate, so that the blocks of before are dead but stay in memory.
        ulong before = (ulong)_bed.Cpu.Code.Decoded;
        _bed.Run(a =>
        {
            Label loop = a.CreateLabel(), patched = a.CreateLabel();
            a.mov(ecx, 150_000);
            a.xor(ebx, ebx);
            a.lea(rdi, __[patched]);
            a.Label(ref loop);
            a.mov(__[rdi + 1], ecx);
            a.Label(ref patched);
            a.mov(eax, 0);
            a.add(rbx, rax);
            a.dec(ecx);
            a.jne(loop);
            a.hlt();
        }).Rbx.Should().Be(150_000UL * 150_001 / 2);
        ((ulong)_bed.Cpu.Code.Decoded - before).Should().BeGreaterThan(150_000);
    }
}
