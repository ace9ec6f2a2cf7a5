namespace EnclaveTesting.Engine.Accelerators.Software.Cpu.Simd;

/// <summary>All instructions of this folder.</summary>
internal static class SimdInstructions
{
    /// <summary>Adds them to the table.</summary>
    public static void Register(OpTable table)
    {
        table.VexGroup = OpGroup.Avx;
        MoveInstructions.Register(table);
        GeneralInstructions.Register(table);
        PackedIntegerInstructions.Register(table);
        PackedLogicInstructions.Register(table);
        ShuffleInstructions.Register(table);
        FloatInstructions.Register(table);
        ScalarConversionInstructions.Register(table);
        MmxInstructions.Register(table);
        Sse4Instructions.Register(table);
        StateInstructions.Register(table);
        CryptoInstructions.Register(table);
        AvxMoveInstructions.Register(table);
        AvxInstructions.Register(table);
        FmaInstructions.Register(table);
        table.VexGroup = OpGroup.Vex;
    }
}
