using System.Buffers.Binary;

namespace EnclaveTesting.Engine.Accelerators.Software.Cpu.Translation;

/// <summary>A copy of what is translated, so that it can be done while the machine goes on.</summary>
internal sealed class RegionSource
{
    /// <summary>The mode of all blocks.</summary>
    public required CpuMode Mode { get; init; }

    /// <summary>The blocks, the entry first.</summary>
    public required SourceBlock[] Blocks { get; init; }

    /// <summary>Everything the translation follows from.</summary>
    public byte[] MakeKey()
    {
        const int header = 17;
        var key = new byte[sizeof(uint) + Blocks.Sum(block => header + block.Code.Length)];
        BinaryPrimitives.WriteUInt32LittleEndian(key, (uint)Mode);
        Span<byte> rest = key.AsSpan(sizeof(uint));
        foreach (SourceBlock block in Blocks)
        {
            BinaryPrimitives.WriteInt64LittleEndian(rest, block.Distance);
            BinaryPrimitives.WriteUInt16LittleEndian(rest[8..], (ushort)block.Code.Length);
            BinaryPrimitives.WriteUInt16LittleEndian(rest[10..], (ushort)block.Ops.Length);
            BinaryPrimitives.WriteUInt16LittleEndian(rest[12..], (ushort)block.Instructions);
            rest[14] = (byte)block.Taken.Block;
            rest[15] = (byte)block.NotTaken.Block;
            rest[16] = (byte)((block.Taken.Guarded ? 1 : 0) | (block.NotTaken.Guarded ? 2 : 0) | (block.FollowsCall ? 4 : 0));
            block.Code.CopyTo(rest[header..]);
            rest = rest[(header + block.Code.Length)..];
        }

        return key;
    }
}
