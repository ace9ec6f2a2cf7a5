namespace EnclaveTesting.Engine.Accelerators.Software.Cpu.Simd;

/// <summary>What kind of number a <see cref="FloatParts"/> is; those from <see cref="QuietNaN"/> on are not numbers.</summary>
internal enum FloatClass : byte
{
    /// <summary>Plus or minus zero.</summary>
    Zero,

    /// <summary>A finite number other than zero, normal or denormal.</summary>
    Finite,

    /// <summary>Plus or minus infinity.</summary>
    Infinity,

    /// <summary>A quiet NaN.</summary>
    QuietNaN,

    /// <summary>A signaling NaN.</summary>
    SignalingNaN,

    /// <summary>An 80-bit encoding that processors since the 387 refuse: unnormals, pseudo-infinities, pseudo-NaNs.</summary>
    Unsupported,
}
