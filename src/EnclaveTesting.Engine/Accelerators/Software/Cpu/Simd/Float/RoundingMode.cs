namespace EnclaveTesting.Engine.Accelerators.Software.Cpu.Simd;

/// <summary>The four rounding modes, numbered as in MXCSR.RC and the FPU control word's RC (SDM vol. 1, 4.8.4).</summary>
internal enum RoundingMode : byte
{
    /// <summary>To the nearest value, ties to the even one.</summary>
    Nearest,

    /// <summary>Towards minus infinity.</summary>
    Down,

    /// <summary>Towards plus infinity.</summary>
    Up,

    /// <summary>Towards zero.</summary>
    Zero,
}
