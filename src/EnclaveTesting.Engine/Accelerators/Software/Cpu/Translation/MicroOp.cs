namespace EnclaveTesting.Engine.Accelerators.Software.Cpu.Translation;

/// <summary>How an instruction is translated.</summary>
/// <param name="Operation">What it does.</param>
/// <param name="Form">On which operands.</param>
/// <param name="Size">Bytes of the operands, or of the destination.</param>
/// <param name="Extra">Bytes of the source of an extension; the condition's number, as in the opcode; not zero if a vector operation may raise an exception.</param>
internal readonly record struct MicroOp(Operation Operation, OperandForm Form = OperandForm.None, int Size = 0, int Extra = 0);
