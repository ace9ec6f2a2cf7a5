using EnclaveTesting.Engine.Accelerators.Software.Cpu;
using EnclaveTesting.Engine.Memory;
using Iced.Intel;
using static Iced.Intel.AssemblerRegisters;

namespace EnclaveTesting.Engine.Tests.Software;

public sealed unsafe class StringTests : IDisposable
{
    private const ulong From = 0x8_0000, To = 0xA_0000;
    private readonly CpuBed _bed = new();

    public void Dispose() => _bed.Dispose();

    [Theory]
    [InlineData(0)]
    [InlineData(1)]
    [InlineData(4095)]
    [InlineData(20_000)]
    public void REP_MOVS_copies_across_pages(int bytes)
    {
        byte[] data = Pattern(bytes);
        _bed.WriteBytes(From + 5, data);
        RunStrings(a => a.rep.movsb(), From + 5, To + 3, (ulong)bytes);

        Bytes(To + 3, bytes).Should().Equal(data);
        Bytes(To + 3 + (ulong)bytes, 1)[0].Should().Be(0);
        _bed.Registers.Rcx.Should().Be(0);
        _bed.Registers.Rsi.Should().Be(From + 5 + (ulong)bytes);
        _bed.Registers.Rdi.Should().Be(To + 3 + (ulong)bytes);
    }

    [Fact]
    public void REP_MOVSQ_with_elements_across_pages()
    {
        byte[] data = Pattern(3000 * 8);
        _bed.WriteBytes(From + 5, data);
        RunStrings(a => a.rep.movsq(), From + 5, To + 3, 3000);
        Bytes(To + 3, data.Length).Should().Equal(data);
    }

    [Fact]
    public void Overlapping_upwards_repeats_what_was_stored()
    {
        _bed.WriteBytes(From, 1, 2, 3);
        RunStrings(a => a.rep.movsb(), From, From + 3, 100);
        Bytes(From, 103).Should().Equal(Enumerable.Range(0, 103).Select(i => (byte)((i % 3) + 1)));
    }

    [Fact]
    public void Downwards_starts_at_the_last_element()
    {
        byte[] data = Pattern(9000);
        _bed.WriteBytes(From, data);
        RunStrings(
            a =>
            {
                a.std();
                a.rep.movsw();
                a.cld();
            },
            From + 8998,
            To + 8998,
            4500);
        Bytes(To, 9000).Should().Equal(data);
        _bed.Registers.Rdi.Should().Be(To - 2);
    }

    [Theory]
    [InlineData(-24, "repeats")]
    [InlineData(24, "moves")]
    [InlineData(-40_000, "moves")]
    public void Overlapping_downwards(int distance, string what)
    {
        const int elements = 2000, bytes = elements * 8;
        byte[] data = Pattern(bytes);
        ulong to = From + 0x1_0000 + (ulong)distance;
        _bed.WriteBytes(From + 0x1_0000, data);
        byte[] expected = [.. data];
        if (what == "repeats")
        {
            for (int i = bytes - 8 + distance; i >= 0; i -= 8)
                expected.AsSpan(i - distance, 8).CopyTo(expected.AsSpan(i, 8));
        }

        RunStrings(
            a =>
            {
                a.std();
                a.rep.movsq();
                a.cld();
            },
            From + 0x1_0000 + bytes - 8,
            to + bytes - 8,
            elements);

        Bytes(to, bytes).Should().Equal(expected);
        _bed.Registers.Rsi.Should().Be(From + 0x1_0000 - 8);
    }

    [Fact]
    public void Pages_that_share_a_place_in_the_TLB_are_copied_by_the_page()
    {
        // 2 MiB apart: the entry of one pushes out that of the other.
        byte[] data = Pattern(5 * 4096);
        _bed.WriteBytes(From, data);
        long before = _bed.Cpu.Retired;
        RunStrings(a => a.rep.movsb(), From, From + 0x20_0000, 5 * 4096);

        Bytes(From + 0x20_0000, data.Length).Should().Equal(data);
        (_bed.Cpu.Retired - before).Should().BeLessThan(1000, "each page counts as its bytes over 32");
    }

    [Fact]
    public void REP_STOS_downwards_fills_from_the_last_element()
    {
        RunStrings(
            a =>
            {
                a.mov(eax, 0x0403_0201);
                a.std();
                a.rep.stosd();
                a.cld();
            },
            0,
            To + 2 + (4999 * 4),
            5000);
        Bytes(To + 2, 20_000).Should().Equal(Enumerable.Range(0, 20_000).Select(i => (byte)((i % 4) + 1)));
        Bytes(To, 2).Should().Equal(0, 0);
        _bed.Registers.Rdi.Should().Be(To - 2);
    }

    [Fact]
    public void REP_STOS_fills_and_leaves_the_rest()
    {
        RunStrings(
            a =>
            {
                a.mov(eax, 0x0403_0201);
                a.rep.stosd();
            },
            0,
            To + 2,
            5000);
        Bytes(To, 20_008)[..6].Should().Equal(0, 0, 1, 2, 3, 4);
        Bytes(To, 20_008)[^10..].Should().Equal(1, 2, 3, 4, 0, 0, 0, 0, 0, 0);
    }

    [Fact]
    public void A_fault_in_the_middle_leaves_the_registers_at_the_element_that_faulted()
    {
        _bed.MapPage(To + 0x2000, 0);
        RunStrings(a => a.rep.movsd(), From, To + 2, 10_000, faults: true);

        _bed.ExpectFault(14, 2);
        ulong done = (0x2000 - 2) / 4;
        _bed.Registers.Rcx.Should().Be(10_000 - done);
        _bed.Registers.Rsi.Should().Be(From + (done * 4));
        _bed.Registers.Rdi.Should().Be(To + 2 + (done * 4));
        _bed.Cpu.ReadSystemRegisters().Cr2.Should().Be(To + 0x2000);
    }

    [Fact]
    public void A_long_one_is_left_when_the_budget_ends_and_goes_on_later()
    {
        _bed.Put(CpuBed.Code, a =>
        {
            a.rep.stosb();
            a.hlt();
        });
        _bed.State->Gpr[0] = 0x55;
        _bed.State->Gpr[1] = 2 << 20;
        _bed.State->Gpr[7] = 0x20_0000;

        _bed.Cpu.Run(1000).Should().Be(CpuStop.Budget);
        _bed.Registers.Rcx.Should().BeInRange(1, (2 << 20) - 1);
        _bed.Registers.Rip.Should().Be(CpuBed.Code);

        int runs = 1;
        while (_bed.Cpu.Run(1000) == CpuStop.Budget)
            runs++;
        runs.Should().BeGreaterThan(10);
        _bed.Registers.Rcx.Should().Be(0);
        Bytes(0x20_0000, 2 << 20).Should().AllBeEquivalentTo(0x55);
    }

    [Theory]
    [InlineData("hello", 'l', 3)]
    [InlineData("hello", 'x', 5)]
    public void REPNE_SCAS_stops_behind_what_it_looks_for(string text, char wanted, int steps)
    {
        _bed.WriteBytes(To, System.Text.Encoding.ASCII.GetBytes(text));
        RunStrings(
            a =>
            {
                a.mov(eax, (int)wanted);
                a.repne.scasb();
            },
            0,
            To,
            (ulong)text.Length);
        _bed.Registers.Rdi.Should().Be(To + (ulong)steps);
        _bed.State->Zero.Should().Be(text.Contains(wanted, StringComparison.Ordinal));
    }

    [Fact]
    public void REPE_CMPS_stops_behind_the_first_difference()
    {
        _bed.WriteBytes(From, 1, 2, 3, 4, 5);
        _bed.WriteBytes(To, 1, 2, 9, 4, 5);
        RunStrings(a => a.repe.cmpsb(), From, To, 5);
        _bed.Registers.Rcx.Should().Be(2);
        _bed.State->Zero.Should().BeFalse();
        _bed.State->Carry.Should().BeTrue("3 is below 9");
    }

    [Fact]
    public void With_32_bit_addresses_the_upper_halves_are_cleared()
    {
        _bed.WriteBytes(From, 7);
        RunStrings(a => a.db(0x67, 0xF3, 0xA4), From | (1UL << 40), To | (1UL << 40), 1 | (1UL << 40));
        Bytes(To, 2).Should().Equal(7, 0);
        _bed.Registers.Rsi.Should().Be(From + 1);
        _bed.Registers.Rcx.Should().Be(0);
    }

    [Fact]
    public void INS_and_OUTS_move_between_ports_and_memory()
    {
        foreach (uint value in (ReadOnlySpan<uint>)[0x11, 0x22, 0x33])
            _bed.Platform.PortReads.Enqueue(value);
        RunStrings(
            a =>
            {
                a.mov(edx, 0x1F0);
                a.rep.insb();
            },
            0,
            To,
            3);
        Bytes(To, 4).Should().Equal(0x11, 0x22, 0x33, 0);

        RunStrings(a => a.rep.outsb(), To, 0, 3);
        _bed.Platform.PortWrites.Should().Equal((0x1F0, 1, 0x11), (0x1F0, 1, 0x22), (0x1F0, 1, 0x33));
    }

    private static byte[] Pattern(int bytes) => [.. Enumerable.Range(0, bytes).Select(i => (byte)((i * 7) + (i >> 8) + 1))];

    private byte[] Bytes(ulong address, int length) => _bed.Memory.GetSpan(new GuestAddress(address), length).ToArray();

    private void RunStrings(Action<Assembler> program, ulong rsi, ulong rdi, ulong rcx, bool faults = false)
    {
        _bed.State->Gpr[6] = rsi;
        _bed.State->Gpr[7] = rdi;
        _bed.State->Gpr[1] = rcx;
        Action<Assembler> whole = a =>
        {
            program(a);
            a.hlt();
        };
        if (faults)
            _bed.RunUntilHalt(whole);
        else
            _bed.Run(whole);
    }
}
