using EnclaveTesting.Engine.Accelerators.Software.Cpu;

namespace EnclaveTesting.Engine.Tests.Software.Differential;

/// <summary>The faults of x87, MMX and SSE, which cannot be compared with a host: there they would be signals.</summary>
public sealed unsafe class SimdFaultTests : IDisposable
{
    private const int Undefined = 6, NotAvailable = 7, Protection = 13, X87Error = 16, SimdError = 19;
    private const ulong Emulation = 4, TaskSwitched = 8, OsFxsr = 0x200, OsXmmException = 0x400;

    // Operands are xmm0, xmm1; mm0, mm1; [rax].
    private static readonly byte[] Divps = [0x0F, 0x5E, 0xC1];
    private static readonly byte[] Mulps = [0x0F, 0x59, 0xC1];
    private static readonly byte[] Paddb = [0x0F, 0xFC, 0xC1];
    private static readonly byte[] Fld1 = [0xD9, 0xE8];
    private static readonly byte[] Fninit = [0xDB, 0xE3];
    private static readonly byte[] Movaps = [0x0F, 0x28, 0x00];
    private static readonly byte[] Ldmxcsr = [0x0F, 0xAE, 0x10];

    private readonly SoftwareProcessor _processor = new();
    private RegisterImage _after;

    public void Dispose() => _processor.Dispose();

    [Fact]
    public void A_masked_division_by_zero_sets_its_flag_and_goes_on()
    {
        Run(Divps, image => SetSingles(image, 0x3F80_0000, 0)).Should().Be(-1);
        fixed (RegisterImage* after = &_after)
        {
            after->Mxcsr.Should().Be(0x1F84);
            after->Lower[0].Should().Be(0x7F80_0000_7F80_0000);
        }
    }

    [Fact]
    public void An_unmasked_exception_found_before_the_operation_leaves_the_destination_and_later_flags_alone()
    {
        Run(Divps, image => SetSingles(image, 0x3F80_0000, 0), mxcsr: 0x1D80).Should().Be(SimdError);
        fixed (RegisterImage* after = &_after)
        {
            after->Mxcsr.Should().Be(0x1D84);
            after->Lower[0].Should().Be(0x3F80_0000_3F80_0000);
        }
    }

    [Fact]
    public void An_unmasked_overflow_leaves_the_destination_alone()
    {
        Run(Mulps, image => SetSingles(image, 0x7F00_0000, 0x7F00_0000), mxcsr: 0x1B80).Should().Be(SimdError);
        fixed (RegisterImage* after = &_after)
        {
            (after->Mxcsr & 0x08).Should().Be(0x08);
            after->Lower[0].Should().Be(0x7F00_0000_7F00_0000);
        }
    }

    [Fact]
    public void Without_an_operating_system_that_takes_SSE_exceptions_they_are_undefined_opcodes()
    {
        _processor.Cpu.State->Cr4 &= ~OsXmmException;
        Run(Divps, image => SetSingles(image, 0x3F80_0000, 0), mxcsr: 0x1D80).Should().Be(Undefined);
    }

    [Theory]
    [InlineData(TaskSwitched, NotAvailable, NotAvailable, NotAvailable)]
    [InlineData(Emulation, Undefined, Undefined, NotAvailable)]
    public void CR0_refuses(ulong bit, int sse, int mmx, int x87)
    {
        _processor.Cpu.State->Cr0 |= bit;
        _processor.Cpu.UpdateMode();
        Run(Divps).Should().Be(sse);
        Run(Paddb).Should().Be(mmx);
        Run(Fld1).Should().Be(x87);
    }

    [Fact]
    public void SSE_needs_CR4_OSFXSR_and_MMX_does_not()
    {
        _processor.Cpu.State->Cr4 &= ~OsFxsr;
        _processor.Cpu.UpdateMode();
        Run(Mulps).Should().Be(Undefined);
        Run(Paddb).Should().Be(-1);
    }

    [Theory]
    [InlineData(0, -1)]
    [InlineData(1, Protection)]
    [InlineData(8, Protection)]
    public void Aligned_loads_need_alignment(int offset, int fault)
        => Run(Movaps, image => image.Gpr[0] = CodeLayout.Operands + (ulong)offset).Should().Be(fault);

    [Theory]
    [InlineData(0xFFFFU, -1)]
    [InlineData(0x1_0000U, Protection)]
    public void MXCSR_takes_no_reserved_bits(uint value, int fault)
    {
        BitConverter.TryWriteBytes(_processor.Data[(int)(CodeLayout.Operands - CodeLayout.Data)..], value);
        Run(Ldmxcsr, image => image.Gpr[0] = CodeLayout.Operands).Should().Be(fault);
    }

    [Fact]
    public void A_pending_x87_exception_is_raised_by_the_next_instruction_that_waits()
    {
        // Invalid, not masked: a load onto a full stack; it ends without a fault, the one behind it does not.
        Run(Fld1, Full).Should().Be(-1);
        Run([.. Fld1, .. Fninit], Full).Should().Be(-1);
        Run([.. Fld1, .. Fld1], Full).Should().Be(X87Error);
        Run([.. Fld1, .. Paddb], Full).Should().Be(X87Error);

        static void Full(ref RegisterImage image)
        {
            image.X87Control = 0x37E;
            image.X87Tag = 0xFF;
        }
    }

    [Fact]
    public void The_smallest_integer_as_packed_decimal_is_the_indefinite_one()
    {
        byte[] fbstp = [0xDF, 0x30];
        Run(fbstp, MostNegative).Should().Be(-1);
        _processor.Data.Slice((int)(CodeLayout.Operands - CodeLayout.Data), 10).ToArray().Should()
            .Equal(0, 0, 0, 0, 0, 0, 0, 0xC0, 0xFF, 0xFF);

        static void MostNegative(ref RegisterImage image)
        {
            image.Gpr[6] = image.Gpr[0] = CodeLayout.Operands;
            image.X87Tag = 1;
            image.X87[0] = 1UL << 63;
            image.X87[1] = 0xC03E;
        }
    }

    private delegate void Change(ref RegisterImage image);

    private int Run(byte[] code, Action<ImageHandle>? change = null, uint mxcsr = 0x1F80)
        => Run(code, (ref RegisterImage image) =>
        {
            image.Mxcsr = mxcsr;
            fixed (RegisterImage* pointer = &image)
                change?.Invoke(new ImageHandle(pointer));
        });

    private int Run(byte[] code, Change change)
    {
        RegisterImage before = default;
        before.Gpr[4] = CodeLayout.Stack;
        before.Flags = 2;
        before.X87Control = 0x37F;
        before.Mxcsr = 0x1F80;
        change(ref before);
        _processor.SetCode(CodeLayout.Code, code);
        _processor.CodeChanged();
        fixed (RegisterImage* after = &_after)
            _processor.Run(CodeLayout.Code, &before, after);
        return _processor.Fault;
    }

    private static void SetSingles(ImageHandle image, uint first, uint second)
    {
        for (int i = 0; i < 2; i++)
        {
            image.Lower[i] = first | ((ulong)first << 32);
            image.Lower[2 + i] = second | ((ulong)second << 32);
        }
    }

    /// <summary>An image behind a pointer, for lambdas.</summary>
    private readonly struct ImageHandle(RegisterImage* image)
    {
        public ulong* Gpr => image->Gpr;

        public ulong* Lower => image->Lower;
    }
}
