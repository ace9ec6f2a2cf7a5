namespace EnclaveTesting.Engine.Accelerators.Software.Cpu;

/// <summary>From a block's end to the block that follows. The two of a block stand behind its last op: jump taken, not taken.</summary>
internal unsafe struct Link
{
    /// <summary>A generation that never passes: both blocks are on one page.</summary>
    public const ulong Always = ulong.MaxValue;

    /// <summary>Instead of an address: the target of the jump stands in RIP and is looked up; nothing else has happened.</summary>
    public static readonly Link* Indirect = (Link*)1;

    public Block* Target;

    /// <summary>The link holds while the CPU's generation is this one; 0: not linked.</summary>
    public ulong Generation;
}
