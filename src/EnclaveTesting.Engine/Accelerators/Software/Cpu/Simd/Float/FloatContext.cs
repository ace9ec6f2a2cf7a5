using System.Runtime.CompilerServices;

namespace EnclaveTesting.Engine.Accelerators.Software.Cpu.Simd;

/// <summary>
/// How an operation rounds, and the exceptions it raised. The control bits lie as in MXCSR; an FPU control word is brought into the same layout.
/// </summary>
internal struct FloatContext
{
    /// <summary>An operand was a signaling NaN, or the operation has no result.</summary>
    public const uint Invalid = 0x01;

    /// <summary>An operand was denormal.</summary>
    public const uint Denormal = 0x02;

    /// <summary>A finite number was divided by zero.</summary>
    public const uint ZeroDivide = 0x04;

    /// <summary>The result is too large for the format.</summary>
    public const uint Overflow = 0x08;

    /// <summary>The result is too small for the format.</summary>
    public const uint Underflow = 0x10;

    /// <summary>The result was rounded.</summary>
    public const uint Inexact = 0x20;

    /// <summary>All six exceptions.</summary>
    public const uint AllExceptions = 0x3F;

    /// <summary>The exceptions that are found before there is a result: when one of them is unmasked the operation does nothing.</summary>
    public const uint BeforeOperation = Invalid | Denormal | ZeroDivide;

    /// <summary>MXCSR.DAZ.</summary>
    public const uint DenormalsAreZero = 0x40;

    /// <summary>MXCSR.FTZ.</summary>
    public const uint FlushToZero = 0x8000;

    /// <summary>From an exception's flag to its mask.</summary>
    public const int MaskShift = 7;

    /// <summary>Where the rounding mode is.</summary>
    public const int RoundingShift = 13;

    /// <summary>MXCSR's rounding field.</summary>
    public const uint RoundingBits = 0x6000;

    private const uint InexactMask = Inexact << MaskShift;
    private const uint HostBits = RoundingBits | FlushToZero | DenormalsAreZero | InexactMask;

    /// <summary>The control and sticky bits as the operation found them.</summary>
    public uint Control;

    /// <summary>The exceptions this operation raised.</summary>
    public uint Raised;

    /// <summary>The last rounding made the magnitude larger (the FPU's C1).</summary>
    public bool RoundedUp;

    /// <summary>The FPU's rules hold: which NaN survives, and results scaled into range when overflow or underflow is not masked.</summary>
    public bool X87;

    /// <summary>A context for an MXCSR value.</summary>
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public FloatContext(uint mxcsr) => Control = mxcsr;

    /// <summary>The rounding mode.</summary>
    public readonly RoundingMode Rounding => (RoundingMode)((Control >> RoundingShift) & 3);

    /// <summary>
    /// Rounding to nearest, denormals kept, and the inexact flag masked and already set: the host's arithmetic then gives all there is to know
    /// about an operation with ordinary operands and an ordinary result.
    /// </summary>
    public readonly bool IsPlain
    {
        [MethodImpl(MethodImplOptions.AggressiveInlining)]
        get => (Control & (HostBits | Inexact)) == (InexactMask | Inexact);
    }

    /// <summary>As <see cref="IsPlain"/>, but the inexact flag may still be clear.</summary>
    public readonly bool IsNearest
    {
        [MethodImpl(MethodImplOptions.AggressiveInlining)]
        get => (Control & HostBits) == InexactMask;
    }

    /// <summary>The raised exceptions that are not masked.</summary>
    public readonly uint Unmasked
    {
        [MethodImpl(MethodImplOptions.AggressiveInlining)]
        get => Raised & ~(Control >> MaskShift) & AllExceptions;
    }

    /// <summary>Notes an exception.</summary>
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public void Raise(uint exception) => Raised |= exception;

    /// <summary>Whether an exception's mask bit is set.</summary>
    public readonly bool IsMasked(uint exception) => ((Control >> MaskShift) & exception) == exception;
}
