using System.Globalization;
using System.Numerics;

namespace EnclaveTesting.Engine.Devices.Nsm;

/// <summary>
/// The curve P-384 (NIST SP 800-186 §3.2.1.4), as far as signing needs it: multiples of its base point. Not in constant time, so for keys that are
/// no secret only.
/// </summary>
internal static class P384
{
    /// <summary>The size of a coordinate and of a scalar in bytes.</summary>
    public const int Size = 48;

    private const int Teeth = 4;
    private const int Columns = Size * 8 / Teeth;

    private static readonly BigInteger Prime = Parse("fffffffffffffffffffffffffffffffffffffffffffffffffffffffffffffffeffffffff0000000000000000ffffffff");

    private static readonly Point Base = new(
        Parse("aa87ca22be8b05378eb1c71ef320ad746e1d3b628ba79b9859f741e082542a385502f25dbf55296c3a545e3872760ab7"),
        Parse("3617de4a96262c6f5d9e98bf9292dc29f8f41dbd289a147ce9da3113b5f0b8c00a60b1ce1d7e819d7a431d7c90ea0e5f"));

    private static readonly Lazy<Point[]> Comb = new(MakeComb);

    /// <summary>The order of the base point.</summary>
    public static BigInteger Order { get; } = Parse("ffffffffffffffffffffffffffffffffffffffffffffffffc7634d81f4372ddf581a0db248b0a77aecec196accc52973");

    /// <summary>A multiple of the base point.</summary>
    /// <param name="scalar">1 to <see cref="Order"/> - 1.</param>
    public static (BigInteger X, BigInteger Y) MultiplyBase(BigInteger scalar)
    {
        Point[] comb = Comb.Value;
        Span<byte> bits = stackalloc byte[Size];
        Write(scalar, bits);
        Jacobian sum = Jacobian.Infinity;
        for (int column = Columns - 1; column >= 0; column--)
        {
            sum = Double(sum);
            int index = 0;
            for (int tooth = 0; tooth < Teeth; tooth++)
                index |= Bit(bits, column + tooth * Columns) << tooth;
            if (index != 0)
                sum = Add(sum, comb[index]);
        }

        Point result = ToAffine(sum);
        return (result.X, result.Y);
    }

    /// <summary>Writes a number below 2³⁸⁴ as 48 bytes, the most significant first.</summary>
    public static void Write(BigInteger value, Span<byte> destination)
    {
        destination[..Size].Clear();
        value.TryWriteBytes(destination[(Size - value.GetByteCount(isUnsigned: true))..Size], out _, isUnsigned: true, isBigEndian: true);
    }

    /// <summary>Reads such a number.</summary>
    public static BigInteger Read(ReadOnlySpan<byte> bytes) => new(bytes, isUnsigned: true, isBigEndian: true);

    // Sums of 2^(96 i) times the base point, one for each choice of the four.
    private static Point[] MakeComb()
    {
        var comb = new Point[1 << Teeth];
        Jacobian power = new(Base.X, Base.Y, BigInteger.One);
        for (int tooth = 0; tooth < Teeth; tooth++)
        {
            Point point = ToAffine(power);
            int first = 1 << tooth;
            comb[first] = point;
            for (int rest = 1; rest < first; rest++)
                comb[first + rest] = ToAffine(Add(new Jacobian(comb[rest].X, comb[rest].Y, BigInteger.One), point));
            for (int column = 0; column < Columns; column++)
                power = Double(power);
        }

        return comb;
    }

    private static Jacobian Double(in Jacobian point)
    {
        BigInteger zz = Reduce(point.Z * point.Z), yy = Reduce(point.Y * point.Y), xyy = Reduce(point.X * yy);
        BigInteger slope = Reduce(3 * (point.X - zz) * (point.X + zz));
        BigInteger x = Reduce(slope * slope - 8 * xyy);
        return new Jacobian(x, Reduce(slope * (4 * xyy - x) - 8 * yy * yy), Reduce(2 * point.Y * point.Z));
    }

    private static Jacobian Add(in Jacobian left, in Point right)
    {
        if (left.Z.IsZero)
            return new Jacobian(right.X, right.Y, BigInteger.One);
        BigInteger zz = Reduce(left.Z * left.Z);
        BigInteger width = Positive(right.X * zz - left.X), height = Positive(right.Y * Reduce(left.Z * zz) - left.Y);
        if (width.IsZero)
            return height.IsZero ? Double(left) : Jacobian.Infinity;
        BigInteger square = Reduce(width * width), cube = Reduce(width * square), shift = Reduce(left.X * square);
        BigInteger x = Reduce(height * height - cube - 2 * shift);
        return new Jacobian(x, Reduce(height * (shift - x) - left.Y * cube), Reduce(left.Z * width));
    }

    private static Point ToAffine(in Jacobian point)
    {
        BigInteger inverse = BigInteger.ModPow(Positive(point.Z), Prime - 2, Prime), square = inverse * inverse;
        return new Point(Positive(point.X * square), Positive(point.Y * Reduce(square * inverse)));
    }

    // Between steps numbers may be negative.
    private static BigInteger Reduce(BigInteger value) => value % Prime;

    private static BigInteger Positive(BigInteger value)
    {
        value %= Prime;
        return value.Sign < 0 ? value + Prime : value;
    }

    private static int Bit(ReadOnlySpan<byte> bigEndian, int number) => (bigEndian[Size - 1 - number / 8] >> (number % 8)) & 1;

    private static BigInteger Parse(string hex) => BigInteger.Parse("0" + hex, NumberStyles.AllowHexSpecifier, CultureInfo.InvariantCulture);

    private readonly record struct Point(BigInteger X, BigInteger Y);

    /// <summary>The point (X / Z², Y / Z³).</summary>
    private readonly record struct Jacobian(BigInteger X, BigInteger Y, BigInteger Z)
    {
        public static Jacobian Infinity { get; } = new(BigInteger.One, BigInteger.One, BigInteger.Zero);
    }
}
