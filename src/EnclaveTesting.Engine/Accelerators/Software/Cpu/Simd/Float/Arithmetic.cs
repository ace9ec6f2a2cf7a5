using System.Runtime.CompilerServices;
using System.Runtime.Intrinsics;

namespace EnclaveTesting.Engine.Accelerators.Software.Cpu.Simd;

/// <summary>The arithmetic operations of SSE. The errors of sums come from Knuth's two-sum, those of the others from a fused or wider product.</summary>
internal static class Arithmetic
{
    /// <summary>a + b.</summary>
    public readonly struct Add : IArithmetic
    {
        /// <inheritdoc/>
        [MethodImpl(MethodImplOptions.AggressiveInlining)]
        public static double Host(double a, double b) => a + b;

        /// <inheritdoc/>
        [MethodImpl(MethodImplOptions.AggressiveInlining)]
        public static float Host(float a, float b) => a + b;

        /// <inheritdoc/>
        [MethodImpl(MethodImplOptions.AggressiveInlining)]
        public static Vector128<double> Host(Vector128<double> a, Vector128<double> b) => a + b;

        /// <inheritdoc/>
        [MethodImpl(MethodImplOptions.AggressiveInlining)]
        public static Vector128<float> Host(Vector128<float> a, Vector128<float> b) => a + b;

        /// <inheritdoc/>
        public static bool IsExact(double a, double b, double result)
        {
            double part = result - a;
            return a - (result - part) + (b - part) == 0;
        }

        /// <inheritdoc/>
        public static bool IsExact(float a, float b, float result)
        {
            float part = result - a;
            return a - (result - part) + (b - part) == 0;
        }

        /// <inheritdoc/>
        public static bool IsExactZero(double a, double b) => true;

        /// <inheritdoc/>
        public static FloatParts Soft(in FloatParts a, in FloatParts b, ref FloatContext context) => SoftFloat.Add(in a, in b, false, ref context);
    }

    /// <summary>a - b.</summary>
    public readonly struct Subtract : IArithmetic
    {
        /// <inheritdoc/>
        [MethodImpl(MethodImplOptions.AggressiveInlining)]
        public static double Host(double a, double b) => a - b;

        /// <inheritdoc/>
        [MethodImpl(MethodImplOptions.AggressiveInlining)]
        public static float Host(float a, float b) => a - b;

        /// <inheritdoc/>
        [MethodImpl(MethodImplOptions.AggressiveInlining)]
        public static Vector128<double> Host(Vector128<double> a, Vector128<double> b) => a - b;

        /// <inheritdoc/>
        [MethodImpl(MethodImplOptions.AggressiveInlining)]
        public static Vector128<float> Host(Vector128<float> a, Vector128<float> b) => a - b;

        /// <inheritdoc/>
        public static bool IsExact(double a, double b, double result) => Add.IsExact(a, -b, result);

        /// <inheritdoc/>
        public static bool IsExact(float a, float b, float result) => Add.IsExact(a, -b, result);

        /// <inheritdoc/>
        public static bool IsExactZero(double a, double b) => true;

        /// <inheritdoc/>
        public static FloatParts Soft(in FloatParts a, in FloatParts b, ref FloatContext context) => SoftFloat.Add(in a, in b, true, ref context);
    }

    /// <summary>a × b.</summary>
    public readonly struct Multiply : IArithmetic
    {
        /// <inheritdoc/>
        [MethodImpl(MethodImplOptions.AggressiveInlining)]
        public static double Host(double a, double b) => a * b;

        /// <inheritdoc/>
        [MethodImpl(MethodImplOptions.AggressiveInlining)]
        public static float Host(float a, float b) => a * b;

        /// <inheritdoc/>
        [MethodImpl(MethodImplOptions.AggressiveInlining)]
        public static Vector128<double> Host(Vector128<double> a, Vector128<double> b) => a * b;

        /// <inheritdoc/>
        [MethodImpl(MethodImplOptions.AggressiveInlining)]
        public static Vector128<float> Host(Vector128<float> a, Vector128<float> b) => a * b;

        /// <inheritdoc/>
        public static bool IsExact(double a, double b, double result) => Math.FusedMultiplyAdd(a, b, -result) == 0;

        /// <inheritdoc/>
        public static bool IsExact(float a, float b, float result) => (double)a * b == result;

        /// <inheritdoc/>
        public static bool IsExactZero(double a, double b) => a == 0 || b == 0;

        /// <inheritdoc/>
        public static FloatParts Soft(in FloatParts a, in FloatParts b, ref FloatContext context) => SoftFloat.Multiply(in a, in b, ref context);
    }

    /// <summary>a ÷ b.</summary>
    public readonly struct Divide : IArithmetic
    {
        /// <inheritdoc/>
        [MethodImpl(MethodImplOptions.AggressiveInlining)]
        public static double Host(double a, double b) => a / b;

        /// <inheritdoc/>
        [MethodImpl(MethodImplOptions.AggressiveInlining)]
        public static float Host(float a, float b) => a / b;

        /// <inheritdoc/>
        [MethodImpl(MethodImplOptions.AggressiveInlining)]
        public static Vector128<double> Host(Vector128<double> a, Vector128<double> b) => a / b;

        /// <inheritdoc/>
        [MethodImpl(MethodImplOptions.AggressiveInlining)]
        public static Vector128<float> Host(Vector128<float> a, Vector128<float> b) => a / b;

        /// <inheritdoc/>
        public static bool IsExact(double a, double b, double result) => Math.FusedMultiplyAdd(result, b, -a) == 0;

        /// <inheritdoc/>
        public static bool IsExact(float a, float b, float result) => (double)result * b == a;

        /// <inheritdoc/>
        public static bool IsExactZero(double a, double b) => a == 0;

        /// <inheritdoc/>
        public static FloatParts Soft(in FloatParts a, in FloatParts b, ref FloatContext context) => SoftFloat.Divide(in a, in b, ref context);
    }

    /// <summary>The square root of b.</summary>
    public readonly struct SquareRoot : IArithmetic
    {
        /// <inheritdoc/>
        [MethodImpl(MethodImplOptions.AggressiveInlining)]
        public static double Host(double a, double b) => Math.Sqrt(b);

        /// <inheritdoc/>
        [MethodImpl(MethodImplOptions.AggressiveInlining)]
        public static float Host(float a, float b) => MathF.Sqrt(b);

        /// <inheritdoc/>
        [MethodImpl(MethodImplOptions.AggressiveInlining)]
        public static Vector128<double> Host(Vector128<double> a, Vector128<double> b) => Vector128.Sqrt(b);

        /// <inheritdoc/>
        [MethodImpl(MethodImplOptions.AggressiveInlining)]
        public static Vector128<float> Host(Vector128<float> a, Vector128<float> b) => Vector128.Sqrt(b);

        /// <inheritdoc/>
        public static bool IsExact(double a, double b, double result) => Math.FusedMultiplyAdd(result, result, -b) == 0;

        /// <inheritdoc/>
        public static bool IsExact(float a, float b, float result) => (double)result * result == b;

        /// <inheritdoc/>
        public static bool IsExactZero(double a, double b) => true;

        /// <inheritdoc/>
        public static FloatParts Soft(in FloatParts a, in FloatParts b, ref FloatContext context) => SoftFloat.SquareRoot(in b, ref context);
    }
}
