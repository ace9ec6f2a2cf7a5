namespace EnclaveTesting.Engine.Accelerators.Software.Cpu.Translation;

/// <summary>How an SSE instruction is translated.</summary>
/// <param name="Kind">On which operands.</param>
/// <param name="Operation">What is done: an <see cref="Simd.IVectorOp"/>; for <see cref="VectorKind.Float"/> an <see cref="Simd.IArithmetic"/>, or null.</param>
/// <param name="Size">Bytes of an operand in memory; of the number that is compared or converted.</param>
/// <param name="Aligned">Whether an operand in memory must be aligned to its size.</param>
/// <param name="Method">For numbers: the method of <see cref="TranslatedFloat"/>.</param>
/// <param name="IntegerSize">Bytes of the integer of a conversion.</param>
/// <param name="FromMemory">What is done with an operand in memory, if it is something else.</param>
internal readonly record struct VectorOp(
    VectorKind Kind, Type? Operation = null, int Size = 16, bool Aligned = false, string Method = "", int IntegerSize = 0, Type? FromMemory = null)
{
    /// <summary>Whether it may raise an exception of its own, and has a slow way for it.</summary>
    public bool MayRaise => Kind is VectorKind.Float or VectorKind.Compare or VectorKind.FromInteger or VectorKind.ToInteger;

    /// <summary>The vector registers that an op reads or writes, and those that it writes.</summary>
    public (uint Touched, uint Written) Registers(in Op op)
    {
        uint reg = 1u << (op.Reg & 15), rm = op.Rm == Op.Memory ? 0 : 1u << (op.Rm & 15);
        return Kind switch
        {
            VectorKind.Compute or VectorKind.Float => (reg | rm, reg),
            VectorKind.ShiftImmediate => (rm, rm),
            VectorKind.Store => (reg | rm, rm),
            VectorKind.MoveIn or VectorKind.FromInteger => (reg, reg),
            VectorKind.MoveOut => (reg, 0),
            VectorKind.SignBits or VectorKind.ToInteger => (rm, 0),
            VectorKind.Compare => (reg | rm, 0),
            _ => (0, 0),
        };
    }
}
