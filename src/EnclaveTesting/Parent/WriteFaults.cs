namespace EnclaveTesting;

/// <summary>What goes wrong, on purpose, with what a parent's connection sends.</summary>
/// <param name="PieceSize">At most so many bytes at a time.</param>
/// <param name="Pause">After each piece.</param>
/// <param name="CorruptAt">The byte whose lowest bit is flipped.</param>
/// <param name="ResetAfter">So many bytes, then a reset.</param>
/// <param name="CloseAfter">So many bytes, then the end.</param>
internal sealed record WriteFaults(int? PieceSize = null, TimeSpan Pause = default, long? CorruptAt = null, long? ResetAfter = null, long? CloseAfter = null);
