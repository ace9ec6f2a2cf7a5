namespace EnclaveTesting.Engine.Accelerators.Software.Cpu.Simd;

/// <summary>All instructions of this folder.</summary>
internal static class SimdInstructions
{
    // What every C library needs for memory and strings first, what needs AVX last.
    private static readonly Action<OpTable>[] Topics =
    [
        MoveInstructions.Register,
        PackedLogicInstructions.Register,
        GeneralInstructions.Register,
        PackedIntegerInstructions.Register,
        ShuffleInstructions.Register,
        ScalarConversionInstructions.Register,
        FloatInstructions.Register,
        MmxInstructions.Register,
        Sse4Instructions.Register,
        CryptoInstructions.Register,
        AvxMoveInstructions.Register,
        AvxInstructions.Register,
        FmaInstructions.Register,
    ];

    /// <summary>Adds those that save and restore what the others work on, which every kernel needs.</summary>
    public static void RegisterState(OpTable table) => Register(table, StateInstructions.Register);

    /// <summary>Has all others added to the table when they are needed.</summary>
    public static void Register(OpTable table)
    {
        foreach (Action<OpTable> topic in Topics)
            table.AddLater(target => Register(target, topic));
    }

    private static void Register(OpTable table, Action<OpTable> topic)
    {
        table.VexGroup = OpGroup.Avx;
        topic(table);
        table.VexGroup = OpGroup.Vex;
    }
}
