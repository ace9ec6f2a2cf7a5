namespace EnclaveTesting.Engine.Accelerators.Software.Cpu.Translation;

/// <summary>
/// Executes a region from the start of its first block, whose instructions it counts itself. Leaves the CPU as the run loop would have it
/// after interpreting the block that is returned.
/// </summary>
/// <param name="cpu">The CPU.</param>
/// <param name="state">Its state.</param>
/// <param name="blocks">The region's blocks in the machine's code cache; null: do nothing.</param>
/// <returns>The last block that was executed.</returns>
internal unsafe delegate Block* TranslatedCode(SoftwareCpu cpu, CpuState* state, Block** blocks);
