namespace EnclaveTesting.Engine.Accelerators.Software.Cpu.Translation;

/// <summary>
/// Flags that an instruction has set but that nobody has wanted yet: what they follow from is in the translation's locals. With
/// <see cref="Operation.Handler"/> nothing is pending and the state has them.
/// </summary>
/// <param name="Operation">Add, Subtract, And (all that only look at a result), Increment, Decrement, the shifts, Multiply, FloatCompare.</param>
/// <param name="Size">Bytes of the operands.</param>
/// <param name="Constant">The right operand, if it is known; the count of a shift always is, and is not zero.</param>
internal readonly record struct Pending(Operation Operation, int Size, long? Constant = null)
{
    public bool IsNone => Operation == Operation.Handler;
}
