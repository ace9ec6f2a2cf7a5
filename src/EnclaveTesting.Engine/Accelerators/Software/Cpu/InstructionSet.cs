namespace EnclaveTesting.Engine.Accelerators.Software.Cpu;

/// <summary>All instructions this CPU knows: each topic registers its own.</summary>
internal static class InstructionSet
{
    /// <summary>The table; never changes once made.</summary>
    public static OpTable Table { get; } = Create();

    private static OpTable Create()
    {
        var table = new OpTable();
        return table;
    }
}
