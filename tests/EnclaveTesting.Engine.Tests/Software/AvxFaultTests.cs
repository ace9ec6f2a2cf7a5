using EnclaveTesting.Engine.Accelerators.Software.Cpu;
using EnclaveTesting.Engine.Accelerators.Software.Cpu.Simd;
using EnclaveTesting.Engine.Memory;
using Iced.Intel;
using static Iced.Intel.AssemblerRegisters;

namespace EnclaveTesting.Engine.Tests.Software;

/// <summary>The faults of AVX and AVX2, and what is left when one comes: on a host they would be signals.</summary>
public sealed unsafe class AvxFaultTests : IDisposable
{
    private const int Undefined = 6, NotAvailable = 7, Protection = 13, PageFault = 14, SimdError = 19;
    private const ulong Osxsave = 1 << 18, Border = CpuBed.Data + 0x1000;

    private readonly CpuBed _bed = new();

    public AvxFaultTests()
    {
        _bed.State->Cr4 |= Osxsave;
        _bed.State->Xcr0 = 7;
        _bed.Cpu.UpdateMode();
    }

    public void Dispose() => _bed.Dispose();

    [Theory]
    [InlineData(0UL, 7UL, 0UL, Undefined, "CR4.OSXSAVE")]
    [InlineData(Osxsave, 3UL, 0UL, Undefined, "XCR0.AVX")]
    [InlineData(Osxsave, 7UL, 8UL, NotAvailable, "CR0.TS")]
    [InlineData(0UL, 7UL, 8UL, Undefined, "#UD comes before #NM")]
    public void VEX_needs_its_control_bits(ulong cr4, ulong xcr0, ulong cr0, int vector, string what)
    {
        _bed.State->Cr4 = (_bed.State->Cr4 & ~Osxsave) | cr4;
        _bed.State->Xcr0 = xcr0;
        _bed.State->Cr0 |= cr0;
        _bed.Cpu.UpdateMode();
        _bed.RunUntilHalt(a => a.vpaddd(ymm0, ymm1, ymm2));
        _bed.ExpectFault((ulong)vector, 0, what);
    }

    [Fact]
    public void General_registers_need_none_of_them_but_protected_mode()
    {
        _bed.State->Cr4 &= ~Osxsave;
        _bed.Cpu.UpdateMode();
        _bed.Run(a =>
        {
            a.mov(ecx, 6);
            a.blsr(eax, ecx);
            a.hlt();
        });
        _bed.Registers.Rax.Should().Be(4);
    }

    [Theory]
    [InlineData("C4E270F2C2", "andn eax, ecx, edx")]
    [InlineData("C5F058C2", "vaddps xmm0, xmm1, xmm2")]
    public void In_real_mode_VEX_is_undefined(string code, string instruction)
    {
        const ushort handler = 0x400;
        _bed.Cpu.Reset();
        _bed.State->Cr4 |= Osxsave;
        _bed.State->Xcr0 = 7;
        _bed.Cpu.StartUp((byte)(CpuBed.Code >> 12));
        _bed.Memory.Write(new GuestAddress(Undefined * 4), handler | (uint)(CpuBed.Code >> 4 << 16));
        _bed.WriteBytes(CpuBed.Code + handler, 0xF4);
        _bed.WriteBytes(CpuBed.Code, [.. Convert.FromHexString(code), 0xF4]);

        _bed.Go().Should().Be(CpuStop.Halted);

        _bed.State->Rip.Should().Be(handler + 1, instruction);
    }

    [Theory]
    [InlineData("vmovaps ymm", 16, Protection)]
    [InlineData("vmovaps ymm", 32, -1)]
    [InlineData("vmovaps xmm", 8, Protection)]
    [InlineData("vmovaps xmm", 16, -1)]
    [InlineData("vmovups ymm", 1, -1)]
    [InlineData("vaddps ymm", 4, -1)]
    [InlineData("vmovntdq ymm", 16, Protection)]
    [InlineData("addps xmm", 4, Protection)]
    public void Only_moves_that_say_so_need_alignment(string form, int offset, int vector)
    {
        _bed.RunUntilHalt(a =>
        {
            a.mov(rbx, CpuBed.Data + (ulong)offset);
            switch (form)
            {
                case "vmovaps ymm": a.vmovaps(ymm0, __ymmword_ptr[rbx]); break;
                case "vmovaps xmm": a.vmovaps(xmm0, __xmmword_ptr[rbx]); break;
                case "vmovups ymm": a.vmovups(ymm0, __ymmword_ptr[rbx]); break;
                case "vaddps ymm": a.vaddps(ymm0, ymm1, __ymmword_ptr[rbx]); break;
                case "vmovntdq ymm": a.vmovntdq(__ymmword_ptr[rbx], ymm0); break;
                default: a.addps(xmm0, __xmmword_ptr[rbx]); break;
            }

            a.hlt();
        });
        if (vector < 0)
            _bed.Fault.Should().BeNull();
        else
            _bed.ExpectFault((ulong)vector, 0);
    }

    [Fact]
    public void A_result_of_128_bits_clears_the_rest_with_VEX_and_leaves_it_without()
    {
        Fill(0, 0x1111_1111_1111_1111);
        Fill(1, 0x2222_2222_2222_2222);
        _bed.Run(a =>
        {
            a.paddd(xmm0, xmm2);
            a.vpaddd(xmm1, xmm1, xmm2);
            a.hlt();
        });
        Quadwords(0).Should().Equal(0x1111_1111_1111_1111, 0x1111_1111_1111_1111, 0x1111_1111_1111_1111, 0x1111_1111_1111_1111);
        Quadwords(1).Should().Equal(0x2222_2222_2222_2222, 0x2222_2222_2222_2222, 0, 0);
    }

    [Fact]
    public void VZEROUPPER_leaves_lower_halves_and_VZEROALL_nothing()
    {
        for (int i = 0; i < 16; i++)
            Fill(i, ulong.MaxValue);
        _bed.Run(a =>
        {
            a.vzeroupper();
            a.hlt();
        });
        Quadwords(15).Should().Equal(ulong.MaxValue, ulong.MaxValue, 0, 0);
        _bed.Run(a =>
        {
            a.vzeroall();
            a.hlt();
        });
        Quadwords(15).Should().Equal(0, 0, 0, 0);
    }

    [Fact]
    public void Masked_elements_cannot_fault()
    {
        _bed.MapPage(Border, 0);
        SetElements(1, -1, -1, 0, 0, 0, 0, 0, 0);
        Fill(2, 0xAAAA_AAAA_BBBB_BBBB);
        _bed.Write(Border - 8, 0x1234_5678_9ABC_DEF0);
        _bed.Run(a =>
        {
            a.mov(rbx, Border - 8);
            a.vmaskmovps(ymm0, ymm1, __ymmword_ptr[rbx]);
            a.vpmaskmovd(__ymmword_ptr[rbx], ymm1, ymm2);
            a.hlt();
        });
        Quadwords(0).Should().Equal(0x1234_5678_9ABC_DEF0, 0, 0, 0);
        _bed.Read(Border - 8).Should().Be(0xAAAA_AAAA_BBBB_BBBB);
    }

    [Fact]
    public void A_masked_move_that_faults_has_done_nothing()
    {
        _bed.MapPage(Border, 0);
        SetElements(1, -1, 0, -1, 0, 0, 0, 0, 0);
        Fill(0, 0x5555_5555_5555_5555);
        _bed.Write(Border - 8, 0x1234_5678_9ABC_DEF0);
        _bed.RunUntilHalt(a =>
        {
            a.mov(rbx, Border - 8);
            a.vpmaskmovd(__ymmword_ptr[rbx], ymm1, ymm0);
        });
        _bed.ExpectFault(PageFault, 2).Rip.Should().Be(CpuBed.Code + 10);
        _bed.State->Cr2.Should().Be(Border);
        _bed.Read(Border - 8).Should().Be(0x1234_5678_9ABC_DEF0);

        _bed.Write(CpuBed.Report, 0);
        _bed.RunUntilHalt(a =>
        {
            a.mov(rbx, Border - 8);
            a.vmaskmovps(ymm0, ymm1, __ymmword_ptr[rbx]);
        });
        _bed.ExpectFault(PageFault, 0);
        Quadwords(0)[0].Should().Be(0x5555_5555_5555_5555);
    }

    [Fact]
    public void A_gather_that_faults_goes_on_where_it_was()
    {
        ulong entry = _bed.PageEntry(Border);
        _bed.MapPage(Border, 0);
        SetElements(1, 0, 0x1000, 4, 0, 0, 0, 0, 0);
        SetElements(2, -1, -1, -1, 0, 0, 0, 0, 0);
        Fill(0, 0x7777_7777_7777_7777);
        _bed.Write(CpuBed.Data, 0x0000_0022_0000_0011);
        _bed.RunUntilHalt(a =>
        {
            a.mov(rbx, CpuBed.Data);
            a.vpgatherdd(xmm0, __[rbx + xmm1], xmm2);
            a.hlt();
        });
        ReportedFault fault = _bed.ExpectFault(PageFault, 0);
        fault.Rip.Should().Be(CpuBed.Code + 10);
        Elements(0)[..3].Should().Equal(0x11, 0x7777_7777, 0x7777_7777);
        Elements(2)[..3].Should().Equal(0, -1, -1);

        _bed.MapPage(Border, entry);
        _bed.Write(Border, 0x33);
        _bed.Write(CpuBed.Data, 0x0000_0022_FFFF_FFFF);
        _bed.State->Rip = fault.Rip;
        _bed.State->Halted = 0;
        _bed.Go().Should().Be(CpuStop.Halted);
        Elements(0).Should().Equal(0x11, 0x33, 0x22, 0x7777_7777, 0, 0, 0, 0);
        Elements(2).Should().Equal(0, 0, 0, 0, 0, 0, 0, 0);
    }

    [Theory]
    [InlineData(0x1D80U, SimdError)]
    [InlineData(0x1F80U, -1)]
    public void An_unmasked_exception_of_a_fused_multiply_add_leaves_the_destination_alone(uint mxcsr, int vector)
    {
        const ulong infinities = 0x7F80_0000_7F80_0000;
        _bed.State->Cr4 |= 0x400;
        _bed.State->Mxcsr = mxcsr & ~0x80U | (vector < 0 ? 0x80U : 0);
        Fill(0, infinities);
        Fill(1, 0);
        _bed.RunUntilHalt(a =>
        {
            a.vfmadd213ps(ymm0, ymm1, ymm1); // infinity times zero
            a.hlt();
        });
        (_bed.State->Mxcsr & 1).Should().Be(1);
        if (vector < 0)
            _bed.Fault.Should().BeNull();
        else
            _bed.ExpectFault((ulong)vector, 0);
        Quadwords(0)[3].Should().Be(vector < 0 ? 0xFFC0_0000_FFC0_0000 : infinities);
    }

    private void Fill(int register, ulong value)
    {
        for (int i = 0; i < 4; i++)
            ((ulong*)SimdUnit.Xmm(_bed.State, register))[i] = value;
    }

    private void SetElements(int register, params ReadOnlySpan<int> elements) => elements.CopyTo(new Span<int>(SimdUnit.Xmm(_bed.State, register), 8));

    private ulong[] Quadwords(int register) => new Span<ulong>(SimdUnit.Xmm(_bed.State, register), 4).ToArray();

    private int[] Elements(int register) => new Span<int>(SimdUnit.Xmm(_bed.State, register), 8).ToArray();
}
