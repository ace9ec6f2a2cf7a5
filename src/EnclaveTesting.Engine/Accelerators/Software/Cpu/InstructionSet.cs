using EnclaveTesting.Engine.Accelerators.Software.Cpu.Integer;
using EnclaveTesting.Engine.Accelerators.Software.Cpu.Privileged;
using EnclaveTesting.Engine.Accelerators.Software.Cpu.Simd;
using EnclaveTesting.Engine.Accelerators.Software.Cpu.X87;

namespace EnclaveTesting.Engine.Accelerators.Software.Cpu;

/// <summary>All instructions this CPU knows: each topic registers its own.</summary>
internal static class InstructionSet
{
    /// <summary>The table; never changes once made.</summary>
    public static OpTable Table { get; } = Create();

    private static OpTable Create()
    {
        var table = new OpTable { Group = OpGroup.Integer };
        Alu.Register(table);
        Unary.Register(table);
        Multiply.Register(table);
        Shifts.Register(table);
        DoubleShifts.Register(table);
        Bits.Register(table);
        BitManipulation.Register(table);
        Moves.Register(table);
        ConditionalMoves.Register(table);
        Atomics.Register(table);
        Stack.Register(table);
        Branches.Register(table);
        StringOps.Register(table);
        PortOps.Register(table);
        FlagOps.Register(table);
        Integer.Decimal.Register(table);
        ControlOps.Register(table);
        DescriptorOps.Register(table);
        SegmentOps.Register(table);
        ControlTransfers.Register(table);
        InformationOps.Register(table);
        SimdInstructions.Register(table);
        X87Instructions.Register(table);
        return table;
    }
}
