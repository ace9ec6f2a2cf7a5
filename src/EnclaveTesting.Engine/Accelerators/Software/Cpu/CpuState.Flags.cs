using System.Numerics;
using System.Runtime.CompilerServices;

namespace EnclaveTesting.Engine.Accelerators.Software.Cpu;

/// <summary>
/// The flags. The arithmetic ones are kept as what they are computed from, so that an instruction only stores its
/// result and its vector of carries, and whoever wants a flag computes that one.
/// </summary>
internal unsafe partial struct CpuState
{
    public const ulong Cf = 1, Pf = 4, Af = 0x10, Zf = 0x40, Sf = 0x80, Tf = 0x100, If = 0x200, Df = 0x400, Of = 0x800;
    public const ulong Iopl = 0x3000, Nt = 0x4000, Rf = 0x1_0000, Vm = 0x2_0000, Ac = 0x4_0000, Id = 0x20_0000;
    public const ulong Arithmetic = Cf | Pf | Af | Zf | Sf | Of;
    private const ulong Reserved1 = 2;

    public readonly bool Carry
    {
        [MethodImpl(MethodImplOptions.AggressiveInlining)]
        get => (long)FlagCarry < 0;
    }

    public readonly bool Zero
    {
        [MethodImpl(MethodImplOptions.AggressiveInlining)]
        get => FlagZero == 0;
    }

    public readonly bool Sign
    {
        [MethodImpl(MethodImplOptions.AggressiveInlining)]
        get => (long)FlagSign < 0;
    }

    public readonly bool Overflow
    {
        [MethodImpl(MethodImplOptions.AggressiveInlining)]
        get => (long)(FlagCarry ^ (FlagCarry << 1)) < 0;
    }

    /// <summary>SF differs from OF.</summary>
    public readonly bool Less
    {
        [MethodImpl(MethodImplOptions.AggressiveInlining)]
        get => (long)(FlagSign ^ FlagCarry ^ (FlagCarry << 1)) < 0;
    }

    public readonly bool Parity
    {
        [MethodImpl(MethodImplOptions.AggressiveInlining)]
        get => (BitOperations.PopCount((uint)(byte)FlagSign) & 1) == 0;
    }

    public readonly bool Auxiliary => (FlagAuxiliary & 8) != 0;

    /// <summary>RFLAGS.</summary>
    public readonly ulong GetFlags() => OtherFlags | Reserved1 | GetArithmeticFlags();

    /// <summary>CF, PF, AF, ZF, SF and OF where RFLAGS has them.</summary>
    public readonly ulong GetArithmeticFlags() =>
        (Carry ? Cf : 0) | (Parity ? Pf : 0) | (Auxiliary ? Af : 0) | (Zero ? Zf : 0) | (Sign ? Sf : 0) | (Overflow ? Of : 0);

    /// <summary>Sets RFLAGS; bits that no CPU has are dropped.</summary>
    public void SetFlags(ulong flags)
    {
        OtherFlags = flags & (Tf | If | Df | Iopl | Nt | Ac | Id);
        SetArithmeticFlags(flags);
    }

    /// <summary>Sets CF, PF, AF, ZF, SF and OF from an image of RFLAGS.</summary>
    public void SetArithmeticFlags(ulong flags)
    {
        FlagZero = (flags & Zf) ^ Zf;
        FlagSign = ((flags & Sf) << 56) | ((flags & Pf) != 0 ? 0UL : 1);
        FlagAuxiliary = (byte)((flags & Af) >> 1);
        SetCarryAndOverflow((flags & Cf) != 0, (flags & Of) != 0);
    }

    /// <summary>Sets CF and OF; the others stay.</summary>
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public void SetCarryAndOverflow(bool carry, bool overflow) =>
        FlagCarry = ((ulong)Unsafe.BitCast<bool, byte>(carry) << 63) | ((ulong)Unsafe.BitCast<bool, byte>(carry != overflow) << 62);

    /// <summary>Sets CF; the others stay.</summary>
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public void SetCarry(bool carry) => SetCarryAndOverflow(carry, Overflow);

    /// <summary>Sets ZF, SF and PF from a result that is sign-extended to 64 bits.</summary>
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public void SetResult(ulong signExtended)
    {
        FlagZero = signExtended;
        FlagSign = signExtended;
    }

    /// <summary>Flags of AND, OR, XOR, TEST; also of what leaves CF, OF and AF clear.</summary>
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public void SetLogic(ulong signExtended)
    {
        FlagZero = signExtended;
        FlagSign = signExtended;
        FlagCarry = 0;
        FlagAuxiliary = 0;
    }
}
