using System.Runtime.InteropServices;

namespace EnclaveTesting.Engine.Accelerators.Software.Cpu;

/// <summary>
/// A run of predecoded instructions in native memory: this header, the ops, two <see cref="Link"/>s, the instruction bytes.
/// </summary>
[StructLayout(LayoutKind.Sequential)]
internal unsafe struct Block
{
    /// <summary>
    /// How often a block is interpreted before it is worth translating: compiling a region takes as long as interpreting its blocks about
    /// that often. A boot executes much code some ten thousand times and never again.
    /// </summary>
    public const int InitialHeat = 131_072;

    /// <summary>Offset of the first byte in guest RAM; all ones once the block is dead.</summary>
    public ulong Ram;

    /// <summary>Offset in guest RAM of the second page, all ones if the block stays in one.</summary>
    public ulong SecondPage;

    public Block* NextInBucket;
    public Block* NextInPage;

    /// <summary>The mode it was decoded for; see <see cref="CpuMode"/>.</summary>
    public uint Mode;

    /// <summary>Ops, the last one included, which may stand for no instruction.</summary>
    public ushort Ops;

    /// <summary>Instructions.</summary>
    public ushort Instructions;

    /// <summary>Bytes of instructions.</summary>
    public ushort Bytes;

    /// <summary>Executions until the block counts as hot; then zero, or a large number where nothing is to be done about it.</summary>
    public int Heat;

    /// <summary>The number of the region that begins with the block, or 0; see <see cref="Translation.RegionTable"/>.</summary>
    public int Region;

    public static Op* FirstOp(Block* block) => (Op*)(block + 1);

    public static Link* Links(Block* block) => (Link*)(FirstOp(block) + block->Ops);

    public static byte* Code(Block* block) => (byte*)(Links(block) + 2);

    /// <summary>Bytes of memory a block takes.</summary>
    public static int Size(int ops, int bytes) => (sizeof(Block) + (ops * sizeof(Op)) + (2 * sizeof(Link)) + bytes + 15) & ~15;
}
