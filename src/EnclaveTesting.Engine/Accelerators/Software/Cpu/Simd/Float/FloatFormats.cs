using System.Numerics;

namespace EnclaveTesting.Engine.Accelerators.Software.Cpu.Simd;

/// <summary>Numbers taken out of their formats and put back. Putting back expects a number already rounded to the format.</summary>
internal static class FloatFormats
{
    /// <summary>Takes a binary32 apart.</summary>
    public static FloatParts Unpack(uint bits, in FloatContext context)
    {
        bool sign = bits >> 31 != 0;
        int exponent = (int)(bits >> 23) & 0xFF;
        ulong fraction = (ulong)(bits & 0x7FFFFF) << 40;
        return Unpack(sign, exponent, 0xFF, 127, fraction, in context);
    }

    /// <summary>Takes a binary64 apart.</summary>
    public static FloatParts Unpack(ulong bits, in FloatContext context)
    {
        bool sign = bits >> 63 != 0;
        int exponent = (int)(bits >> 52) & 0x7FF;
        ulong fraction = (bits & 0xF_FFFF_FFFF_FFFF) << 11;
        return Unpack(sign, exponent, 0x7FF, 1023, fraction, in context);
    }

    /// <summary>Takes a binary16 apart (its denormals are never taken as zero and never reported, SDM vol. 2, VCVTPH2PS).</summary>
    public static FloatParts UnpackHalf(ushort bits)
    {
        var keep = new FloatContext(0);
        FloatParts parts = Unpack(bits >> 15 != 0, (bits >> 10) & 0x1F, 0x1F, 15, (ulong)(bits & 0x3FF) << 53, in keep);
        parts.Denormal = false;
        return parts;
    }

    /// <summary>Takes an 80-bit extended number apart.</summary>
    public static FloatParts Unpack(ulong significand, ushort signExponent)
    {
        bool sign = signExponent >> 15 != 0;
        int exponent = signExponent & 0x7FFF;
        if (exponent == 0x7FFF)
        {
            var special = new FloatParts { Sign = sign, High = significand };
            if (significand < FloatParts.Leading)
                special.Class = FloatClass.Unsupported;
            else if (significand == FloatParts.Leading)
                special.Class = FloatClass.Infinity;
            else
                special.Class = (significand & FloatParts.Quiet) != 0 ? FloatClass.QuietNaN : FloatClass.SignalingNaN;
            return special;
        }

        if (exponent == 0)
        {
            if (significand == 0)
                return FloatParts.Zero(sign);
            // Denormals and pseudo-denormals have the same weight as exponent 1.
            FloatParts denormal = FloatParts.Finite(sign, -16382, significand, 0);
            denormal.Denormal = true;
            return denormal;
        }

        if (significand < FloatParts.Leading)
            return new() { Class = FloatClass.Unsupported, Sign = sign, High = significand };
        return new() { Class = FloatClass.Finite, Sign = sign, Exponent = exponent - 16383, High = significand };
    }

    /// <summary>A binary32.</summary>
    public static uint PackSingle(in FloatParts value)
    {
        uint sign = value.Sign ? 0x8000_0000u : 0;
        return sign | value.Class switch
        {
            FloatClass.Zero => 0,
            FloatClass.Finite => Exponent(in value, 127) << 23 | (uint)(value.High >> 40) & 0x7FFFFF,
            FloatClass.Infinity => 0x7F80_0000,
            _ => 0x7FC0_0000 | (uint)(value.High >> 40) & 0x7FFFFF,
        };
    }

    /// <summary>A binary64.</summary>
    public static ulong PackDouble(in FloatParts value)
    {
        ulong sign = value.Sign ? 1UL << 63 : 0;
        return sign | value.Class switch
        {
            FloatClass.Zero => 0,
            FloatClass.Finite => (ulong)Exponent(in value, 1023) << 52 | (value.High >> 11) & 0xF_FFFF_FFFF_FFFF,
            FloatClass.Infinity => 0x7FF0_0000_0000_0000,
            _ => 0x7FF8_0000_0000_0000 | (value.High >> 11) & 0xF_FFFF_FFFF_FFFF,
        };
    }

    /// <summary>A binary16.</summary>
    public static ushort PackHalf(in FloatParts value)
    {
        uint sign = value.Sign ? 0x8000u : 0;
        return (ushort)(sign | value.Class switch
        {
            FloatClass.Zero => 0,
            FloatClass.Finite => Exponent(in value, 15) << 10 | (uint)(value.High >> 53) & 0x3FF,
            FloatClass.Infinity => 0x7C00,
            _ => 0x7E00 | (uint)(value.High >> 53) & 0x3FF,
        });
    }

    /// <summary>An 80-bit extended number.</summary>
    public static ulong PackExtended(in FloatParts value, out ushort signExponent)
    {
        uint sign = value.Sign ? 0x8000u : 0;
        switch (value.Class)
        {
            case FloatClass.Zero:
                signExponent = (ushort)sign;
                return 0;
            case FloatClass.Finite:
                signExponent = (ushort)(sign | Exponent(in value, 16383));
                return value.High;
            case FloatClass.Infinity:
                signExponent = (ushort)(sign | 0x7FFF);
                return FloatParts.Leading;
            default:
                signExponent = (ushort)(sign | 0x7FFF);
                return value.High | FloatParts.Leading | FloatParts.Quiet;
        }
    }

    private static uint Exponent(in FloatParts value, int bias) => value.High >= FloatParts.Leading ? (uint)(value.Exponent + bias) : 0;

    private static FloatParts Unpack(bool sign, int exponent, int special, int bias, ulong fraction, in FloatContext context)
    {
        if (exponent == special)
        {
            if (fraction == 0)
                return FloatParts.Infinity(sign);
            return new()
            {
                Class = (fraction & FloatParts.Quiet) != 0 ? FloatClass.QuietNaN : FloatClass.SignalingNaN,
                Sign = sign,
                High = fraction | FloatParts.Leading,
            };
        }

        if (exponent != 0)
            return new() { Class = FloatClass.Finite, Sign = sign, Exponent = exponent - bias, High = fraction | FloatParts.Leading };
        if (fraction == 0 || (context.Control & FloatContext.DenormalsAreZero) != 0)
            return FloatParts.Zero(sign);
        int shift = BitOperations.LeadingZeroCount(fraction);
        return new() { Class = FloatClass.Finite, Sign = sign, Exponent = 1 - bias - shift, High = fraction << shift, Denormal = true };
    }
}
