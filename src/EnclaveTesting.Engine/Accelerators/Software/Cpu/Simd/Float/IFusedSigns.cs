namespace EnclaveTesting.Engine.Accelerators.Software.Cpu.Simd;

/// <summary>The signs of a fused multiply-add: ±(a × b) ± c.</summary>
internal interface IFusedSigns
{
    /// <summary>The product is subtracted.</summary>
    static abstract bool NegatesProduct { get; }

    /// <summary>The addend of even elements is subtracted.</summary>
    static abstract bool NegatesEven { get; }

    /// <summary>The addend of odd elements is subtracted.</summary>
    static abstract bool NegatesOdd { get; }
}
