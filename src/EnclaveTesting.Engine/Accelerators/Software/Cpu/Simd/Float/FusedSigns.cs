namespace EnclaveTesting.Engine.Accelerators.Software.Cpu.Simd;

/// <summary>The signs that the instructions of FMA have.</summary>
internal static class FusedSigns
{
    /// <summary>VFMADD.</summary>
    public readonly struct Add : IFusedSigns
    {
        public static bool NegatesProduct => false;

        public static bool NegatesEven => false;

        public static bool NegatesOdd => false;
    }

    /// <summary>VFMSUB.</summary>
    public readonly struct Subtract : IFusedSigns
    {
        public static bool NegatesProduct => false;

        public static bool NegatesEven => true;

        public static bool NegatesOdd => true;
    }

    /// <summary>VFNMADD.</summary>
    public readonly struct NegateAdd : IFusedSigns
    {
        public static bool NegatesProduct => true;

        public static bool NegatesEven => false;

        public static bool NegatesOdd => false;
    }

    /// <summary>VFNMSUB.</summary>
    public readonly struct NegateSubtract : IFusedSigns
    {
        public static bool NegatesProduct => true;

        public static bool NegatesEven => true;

        public static bool NegatesOdd => true;
    }

    /// <summary>VFMADDSUB.</summary>
    public readonly struct AddSubtract : IFusedSigns
    {
        public static bool NegatesProduct => false;

        public static bool NegatesEven => true;

        public static bool NegatesOdd => false;
    }

    /// <summary>VFMSUBADD.</summary>
    public readonly struct SubtractAdd : IFusedSigns
    {
        public static bool NegatesProduct => false;

        public static bool NegatesEven => false;

        public static bool NegatesOdd => true;
    }
}
