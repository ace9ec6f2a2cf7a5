namespace EnclaveTesting.Engine.Eif;

/// <summary>
/// Receives the bytes of an image while they are measured. Chunks of one section come in order and without gaps; sections
/// come as kernel, command line, ramdisks, then the rest, whatever their order in the file. An empty section has no chunk.
/// </summary>
/// <param name="section">The section the bytes belong to.</param>
/// <param name="offset">Offset of the chunk's first byte in the section's data.</param>
/// <param name="chunk">The bytes; valid only during the call.</param>
internal delegate void EifChunkHandler(EifSection section, long offset, ReadOnlySpan<byte> chunk);
