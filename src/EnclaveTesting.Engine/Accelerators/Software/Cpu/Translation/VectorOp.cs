namespace EnclaveTesting.Engine.Accelerators.Software.Cpu.Translation;

/// <summary>How an SSE instruction without exceptions of its own is translated.</summary>
/// <param name="Kind">What it is.</param>
/// <param name="Method">For <see cref="VectorKind.Compute"/>: the operation's name among those of Vector128.</param>
/// <param name="Element">The type of the operation's elements.</param>
/// <param name="Aligned">Whether an operand in memory must be aligned.</param>
internal readonly record struct VectorOp(VectorKind Kind, string Method = "", Type? Element = null, bool Aligned = false);
