using System.Runtime.Intrinsics;

namespace EnclaveTesting.Engine.Accelerators.Software.Cpu.Simd;

/// <summary>One arithmetic operation: on the host, rounding to nearest, and in software for everything else.</summary>
internal interface IArithmetic
{
    /// <summary>The host's result.</summary>
    static abstract double Host(double a, double b);

    /// <summary>The host's result.</summary>
    static abstract float Host(float a, float b);

    /// <summary>The host's results.</summary>
    static abstract Vector128<double> Host(Vector128<double> a, Vector128<double> b);

    /// <summary>The host's results.</summary>
    static abstract Vector128<float> Host(Vector128<float> a, Vector128<float> b);

    /// <summary>Whether the host's result, far from underflow and overflow, is exact.</summary>
    static abstract bool IsExact(double a, double b, double result);

    /// <summary>Whether the host's result, far from underflow and overflow, is exact.</summary>
    static abstract bool IsExact(float a, float b, float result);

    /// <summary>Whether a result of zero is exact, for operands that are neither denormal nor NaN.</summary>
    static abstract bool IsExactZero(double a, double b);

    /// <summary>The software's result, not yet rounded.</summary>
    static abstract FloatParts Soft(in FloatParts a, in FloatParts b, ref FloatContext context);
}
