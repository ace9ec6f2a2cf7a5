using EnclaveTesting.Engine.Accelerators.Software.Cpu;
using Iced.Intel;
using static Iced.Intel.AssemblerRegisters;

namespace EnclaveTesting.Engine.Tests.Software;

/// <summary>A machine that begins with the code that another one had decoded.</summary>
public sealed class SharedCodeTests : IDisposable
{
    private const ulong Function = CpuBed.Code + 0x1000;

    private readonly CpuBed _original = new(), _clone = new();

    public void Dispose()
    {
        _original.Dispose();
        _clone.Dispose();
    }

    [Fact]
    public void The_same_code_is_not_decoded_again_and_outlives_its_original()
    {
        _original.Run(Sum).Rbx.Should().Be(55);
        using (SharedCode code = _original.Cpu.Code.Share())
            _clone.Cpu.Code.Inherit(code.TryShare()!);
        _original.Dispose();

        _clone.Run(Sum).Rbx.Should().Be(55);
        _clone.Cpu.Code.Decoded.Should().Be(0);
        _clone.Cpu.Code.Adopted.Should().BeGreaterThan(1);
    }

    [Fact]
    public void Other_code_in_the_same_place_is_decoded()
    {
        _original.Run(a => Answer(a, 1)).Rbx.Should().Be(1);
        Inherit();

        _clone.Run(a => Answer(a, 2)).Rbx.Should().Be(2);
        _clone.Cpu.Code.Decoded.Should().BeGreaterThan(0);
    }

    [Fact]
    public void Inherited_code_may_change_itself()
    {
        void Patch(Assembler a)
        {
            Label loop = a.CreateLabel();
            a.xor(ebx, ebx);
            a.mov(ecx, 10);
            a.Label(ref loop);
            a.call(Function);
            a.add(ebx, eax);
            a.mov(__[Function + 1], cl);
            a.dec(ecx);
            a.jne(loop);
            a.hlt();
        }

        PutFunction(_original);
        ulong expected = _original.Run(Patch).Rbx;
        // As it was when it was decoded last.
        Inherit();
        foreach (CpuBed bed in (CpuBed[])[_clone, _original])
        {
            PutFunction(bed);
            bed.Cpu.InvalidatePhysical(Function, 4096);
            bed.Run(Patch).Rbx.Should().Be(expected);
        }

        _clone.Cpu.Code.Invalidations.Should().BeGreaterThan(0);
    }

    [Fact]
    public void A_clone_s_clone_has_the_same_code_until_much_was_decoded()
    {
        _original.Run(Sum);
        Inherit();
        _clone.Run(Sum);
        using SharedCode code = _original.Cpu.Code.Share(), inherited = _clone.Cpu.Code.Share();
        inherited.Should().BeSameAs(code);

        // Each jump ends a block.
        _clone.Run(a =>
        {
            for (int i = 0; i < 1000; i++)
            {
                Label next = a.CreateLabel();
                a.jmp(next);
                a.Label(ref next);
                a.nop();
            }

            a.hlt();
        });
        using SharedCode grown = _clone.Cpu.Code.Share();
        grown.Should().NotBeSameAs(code);
        grown.Count.Should().BeGreaterThan(900);
    }

    [Fact]
    public void What_the_last_user_has_released_is_shared_no_more()
    {
        SharedCode code = new([]);
        code.TryShare().Should().BeSameAs(code);
        code.Dispose();
        code.Dispose();

        code.TryShare().Should().BeNull();
    }

    private static void Sum(Assembler a)
    {
        Label loop = a.CreateLabel();
        a.xor(ebx, ebx);
        a.mov(ecx, 10);
        a.Label(ref loop);
        a.add(ebx, ecx);
        a.dec(ecx);
        a.jne(loop);
        a.hlt();
    }

    private static void Answer(Assembler a, int value)
    {
        a.mov(ebx, value);
        a.hlt();
    }

    private static void PutFunction(CpuBed bed) => bed.Put(Function, a =>
    {
        a.mov(eax, 1);
        a.ret();
    });

    private void Inherit()
    {
        using SharedCode code = _original.Cpu.Code.Share();
        _clone.Cpu.Code.Inherit(code.TryShare()!);
    }
}
