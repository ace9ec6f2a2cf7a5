using EnclaveTesting.Engine.Accelerators.Software.Cpu;
using EnclaveTesting.Engine.Memory;
using Iced.Intel;
using static Iced.Intel.AssemblerRegisters;

namespace EnclaveTesting.Engine.Tests.Software;

public sealed unsafe class PagingTests : IDisposable
{
    private const ulong Present = 1, Writable = 2, User = 4, Accessed = 0x20, Dirty = 0x40, Global = 0x100, NoExecute = 1UL << 63;
    private const ulong Page = 0x8_0000;
    private readonly CpuBed _bed = new();

    public void Dispose() => _bed.Dispose();

    [Fact]
    public void A_load_from_a_page_that_is_not_there_faults_with_its_address_and_changes_nothing()
    {
        _bed.MapPage(Page, 0);

        _bed.RunUntilHalt(a =>
        {
            a.mov(rax, 0x1234);
            a.mov(rax, __qword_ptr[Page + 0x18]);
            a.hlt();
        });

        _bed.ExpectFault(14, 0);
        Cr2().Should().Be(Page + 0x18);
        _bed.Registers.Rax.Should().Be(0x1234);
    }

    [Fact]
    public void A_store_says_so_in_the_error_code()
    {
        _bed.MapPage(Page, 0);
        _bed.RunUntilHalt(a => a.mov(__dword_ptr[Page], 1));
        _bed.ExpectFault(14, 2);
    }

    [Theory]
    [InlineData(0x1_0000UL, true)]
    [InlineData(0UL, false)]
    public void Supervisors_write_to_read_only_pages_unless_CR0_WP_is_set(ulong writeProtect, bool faults)
    {
        _bed.MapPage(Page, Page | Present | User);
        _bed.RunUntilHalt(a =>
        {
            a.mov(rax, cr0);
            a.and(rax, unchecked((int)~0x1_0000));
            a.or(rax, (int)writeProtect);
            a.mov(cr0, rax);
            a.mov(__dword_ptr[Page], 7);
            a.hlt();
        });

        if (faults)
            _bed.ExpectFault(14, 3);
        else
            _bed.Read(Page).Should().Be(7);
    }

    [Fact]
    public void Users_do_not_reach_supervisor_pages()
    {
        _bed.MapPage(Page, Page | Present | Writable);
        RunUser(a => a.mov(__dword_ptr[Page], 7));
        _bed.ExpectFault(14, 7);
    }

    [Fact]
    public void Users_do_not_write_to_read_only_pages()
    {
        _bed.MapPage(Page, Page | Present | User);
        RunUser(a => a.mov(__dword_ptr[Page], 7));
        _bed.ExpectFault(14, 7);
        RunUser(a => a.mov(eax, __dword_ptr[Page]));
        _bed.ExpectFault(13, 0, "the user's program ran to its HLT, which is privileged");
    }

    [Fact]
    public void Rights_of_upper_tables_count()
    {
        _bed.Write(CpuBed.Tables + 0x2000, _bed.Read(CpuBed.Tables + 0x2000) & ~User);
        RunUser(a => a.nop());
        _bed.ExpectFault(14, 0x15, "even the fetch is a user's");
    }

    [Fact]
    public void Code_on_a_page_with_NX_faults_as_a_fetch()
    {
        _bed.MapPage(Page, Page | Present | Writable | User | NoExecute);
        _bed.RunUntilHalt(a =>
        {
            a.mov(rax, Page);
            a.jmp(rax);
        });

        _bed.ExpectFault(14, 0x11);
        _bed.Fault!.Value.Rip.Should().Be(Page);
    }

    [Fact]
    public void NX_is_reserved_without_EFER_NXE()
    {
        _bed.State->Efer &= ~0x800UL;
        _bed.MapPage(Page, Page | Present | Writable | NoExecute);
        _bed.RunUntilHalt(a => a.mov(eax, __dword_ptr[Page]));
        _bed.ExpectFault(14, 9);
    }

    [Fact]
    public void A_physical_address_beyond_the_CPUs_is_reserved()
    {
        _bed.MapPage(Page, Page | Present | (1UL << 50));
        _bed.RunUntilHalt(a => a.mov(eax, __dword_ptr[Page]));
        _bed.ExpectFault(14, 9);
    }

    [Fact]
    public void SMEP_keeps_supervisors_from_executing_user_pages()
    {
        MakeBedSupervisor(except: CpuBed.Code);
        _bed.RunUntilHalt(a =>
        {
            a.mov(rax, cr4);
            a.or(rax, (int)ControlBits.Cr4Smep);
            a.mov(cr4, rax);
            a.nop();
            a.hlt();
        });

        _bed.ExpectFault(14, 0x11).Rip.Should().Be(CpuBed.Code + 12, "behind the change of CR4 nothing may be fetched");
    }

    [Fact]
    public void SMAP_keeps_supervisors_from_user_pages_unless_AC_is_set()
    {
        MakeBedSupervisor(except: Page);
        _bed.RunUntilHalt(a =>
        {
            a.mov(rax, cr4);
            a.or(rax, (int)ControlBits.Cr4Smap);
            a.mov(cr4, rax);
            a.stac();
            a.mov(__dword_ptr[Page], 5);
            a.clac();
            a.mov(ebx, __dword_ptr[Page]);
            a.hlt();
        });

        _bed.ExpectFault(14, 1);
        Cr2().Should().Be(Page);
        _bed.Read(Page).Should().Be(5);
    }

    [Fact]
    public void Accessed_and_dirty_are_set_as_pages_are_used()
    {
        _bed.Run(a =>
        {
            a.mov(eax, __dword_ptr[Page]);
            a.hlt();
        });
        (_bed.PageEntry(Page) & (Accessed | Dirty)).Should().Be(Accessed);

        _bed.Run(a =>
        {
            a.mov(__dword_ptr[Page], eax);
            a.hlt();
        });
        (_bed.PageEntry(Page) & (Accessed | Dirty)).Should().Be(Accessed | Dirty);
        (_bed.Read(CpuBed.Tables) & Accessed).Should().Be(Accessed);
        (_bed.Read(CpuBed.Tables + 0x2008) & Dirty).Should().Be(0, "nobody has written to the second large page");
    }

    [Fact]
    public void A_store_across_pages_of_which_the_second_is_missing_stores_nothing()
    {
        _bed.MapPage(Page + 0x1000, 0);
        _bed.Write(Page + 0xFF8, 0x1111_1111_1111_1111);
        _bed.RunUntilHalt(a =>
        {
            a.mov(rax, -1L);
            a.mov(__qword_ptr[Page + 0xFFC], rax);
        });

        _bed.ExpectFault(14, 2);
        Cr2().Should().Be(Page + 0x1000);
        _bed.Read(Page + 0xFF8).Should().Be(0x1111_1111_1111_1111);
    }

    [Fact]
    public void Loads_and_stores_across_two_pages_that_lie_apart_in_memory()
    {
        _bed.MapPage(Page, 0x9_0000 | Present | Writable | User);
        _bed.MapPage(Page + 0x1000, 0xA_0000 | Present | Writable | User);
        _bed.Run(a =>
        {
            a.mov(rax, 0x1122_3344_5566_7788);
            a.mov(__qword_ptr[Page + 0xFFB], rax);
            a.mov(rbx, __qword_ptr[Page + 0xFFB]);
            a.@lock.add(__qword_ptr[Page + 0xFFB], 1);
            a.hlt();
        }).Rbx.Should().Be(0x1122_3344_5566_7788);

        _bed.Read(0x9_0FFB).Should().Be(0x4455667789);
        _bed.Read(0xA_0000).Should().Be(0x112233);
    }

    [Fact]
    public void A_translation_stays_until_INVLPG()
    {
        _bed.Write(Page, 1);
        _bed.Write(Page + 0x1000, 2);
        _bed.Run(a =>
        {
            a.mov(ecx, __dword_ptr[Page]);
            a.mov(rdi, CpuBed.FirstPageTable + (Page >> 12 << 3));
            a.add(__qword_ptr[rdi], 0x1000);
            a.mov(eax, __dword_ptr[Page]);
            a.invlpg(__byte_ptr[Page]);
            a.mov(ebx, __dword_ptr[Page]);
            a.hlt();
        });

        _bed.Registers.Rax.Should().Be(1);
        _bed.Registers.Rbx.Should().Be(2);
    }

    [Fact]
    public void Global_pages_survive_a_load_of_CR3_but_not_a_change_of_CR4_PGE()
    {
        _bed.MapPage(Page, Page | Present | Writable | User | Global);
        _bed.Write(Page, 1);
        _bed.Write(Page + 0x1000, 2);
        _bed.Run(a =>
        {
            a.mov(ecx, __dword_ptr[Page]);
            a.mov(rdi, CpuBed.FirstPageTable + (Page >> 12 << 3));
            a.add(__qword_ptr[rdi], 0x1000);
            a.mov(rdx, cr3);
            a.mov(cr3, rdx);
            a.mov(eax, __dword_ptr[Page]);
            a.mov(rdx, cr4);
            a.xor(edx, (int)ControlBits.Cr4Pge);
            a.mov(cr4, rdx);
            a.mov(ebx, __dword_ptr[Page]);
            a.hlt();
        });

        _bed.Registers.Rax.Should().Be(1);
        _bed.Registers.Rbx.Should().Be(2);
    }

    [Fact]
    public void A_gibibyte_page_maps_what_its_entry_says()
    {
        _bed.Write(CpuBed.Tables + 0x1000 + (3 * 8), Present | Writable | 0x80);
        _bed.Write(Page + 0x20, 0xABCD);
        _bed.Run(a =>
        {
            a.mov(rax, 0xC000_0000 + Page + 0x20);
            a.mov(rbx, __qword_ptr[rax]);
            a.hlt();
        }).Rbx.Should().Be(0xABCD);
    }

    [Fact]
    public void An_address_that_is_not_canonical_raises_GP()
    {
        _bed.RunUntilHalt(a =>
        {
            a.mov(rax, 0x8000_0000_0000);
            a.mov(rbx, __qword_ptr[rax]);
        });
        _bed.ExpectFault(13, 0);
    }

    [Fact]
    public void A_stack_that_is_not_canonical_raises_SS()
    {
        _bed.SetGate(12, CpuBed.Handlers + (12 * CpuBed.HandlerSize), ist: 1);
        _bed.RunUntilHalt(a =>
        {
            a.mov(rsp, 0x8000_0000_0100);
            a.push(rax);
        });
        _bed.ExpectFault(12, 0).Rsp.Should().Be(0x8000_0000_0100);
    }

    [Fact]
    public void Stores_beyond_RAM_reach_the_platform_in_their_size()
    {
        _bed.Run(a =>
        {
            a.mov(rdi, 0xD000_0000);
            a.mov(__dword_ptr[rdi + 0x50], 3);
            a.mov(rax, __qword_ptr[rdi + 8]);
            a.mov(__byte_ptr[rdi + 0x100], 9);
            a.hlt();
        }).Rax.Should().Be(_bed.Platform.MmioAnswer);

        _bed.Platform.MmioWrites.Should().Equal((0xD000_0050, 4, 3), (0xD000_0100, 1, 9));
        _bed.Platform.MmioReads.Should().Equal((0xD000_0008, 8));
    }

    [Fact]
    public void Thirty_two_bit_paging_translates_in_two_levels()
    {
        const ulong directory = 0x9_0000, table = 0x9_1000;
        _bed.Write(directory, 0x83 | (0x83UL << 32) | (0x40_0000UL << 32));
        for (ulong i = 0; i < 2; i++)
            _bed.Write(directory + 8 + (i * 8), 0);
        _bed.Memory.Write(new GuestAddress(directory + 8), (uint)(table | 7));
        _bed.Memory.Write(new GuestAddress(table + 4), (uint)(Page | 3));
        _bed.Write(Page, 0x77);
        EnterProtected32(directory, ControlBits.Cr4Pse);

        _bed.Put(
            CpuBed.Code,
            a =>
            {
                a.mov(eax, __dword_ptr[0x80_1000]);
                a.mov(__dword_ptr[0x80_1004], 0x88);
                a.hlt();
            },
            32);
        _bed.Go();

        _bed.Registers.Rax.Should().Be(0x77);
        _bed.Read(Page).Should().Be(0x88_0000_0077);
        (_bed.Read(table + 4) & 0x60).Should().Be(0x60);
    }

    [Fact]
    public void PAE_paging_translates_in_three_levels()
    {
        const ulong pointers = 0x9_0000, directory = 0x9_1000, table = 0x9_2000;
        _bed.Write(pointers, directory | 1);
        _bed.Write(directory, 0x83);
        _bed.Write(directory + 8, table | 3);
        _bed.Write(table + 8, Page | 3);
        _bed.Write(Page, 0x77);
        EnterProtected32(pointers, ControlBits.Cr4Pae);

        _bed.Put(
            CpuBed.Code,
            a =>
            {
                a.mov(eax, __dword_ptr[0x20_1000]);
                a.hlt();
            },
            32);
        _bed.Go();

        _bed.Registers.Rax.Should().Be(0x77);
    }

    private void EnterProtected32(ulong cr3, ulong cr4)
    {
        ref CpuState state = ref _bed.State[0];
        state.Efer = 0;
        state.Cr4 = cr4;
        state.Cr3 = cr3;
        state.SegmentAttributes[CpuState.Cs] = 0xC09B;
        _bed.Cpu.StateReplaced();
    }

    private void MakeBedSupervisor(ulong except)
    {
        for (ulong page = 0; page < 0x20_0000; page += 0x1000)
        {
            if (page != except)
                _bed.Write(CpuBed.FirstPageTable + (page >> 12 << 3), page | Present | Writable);
        }

        _bed.Cpu.StateReplaced();
    }

    private void RunUser(Action<Assembler> program)
    {
        _bed.EnterLong();
        _bed.Write(CpuBed.Report, 0);
        _bed.Put(CpuBed.UserCode, a =>
        {
            program(a);
            a.hlt();
        });
        _bed.EnterUser();
        _bed.Cpu.InvalidatePhysical(CpuBed.UserCode, 4096);
        _bed.Go();
    }

    private ulong Cr2() => _bed.Cpu.ReadSystemRegisters().Cr2;
}
