using System.Buffers.Binary;
using System.Security.Cryptography;

namespace EnclaveTesting.Engine.Devices.Nsm;

/// <summary>The module's random bytes: the operating system's, or, with a seed, SHA384(seed ‖ n) for n = 0, 1, 2, ...</summary>
internal sealed class NsmRandom(ulong? seed)
{
    /// <summary>How many blocks were taken: with the seed, all there is to save.</summary>
    public ulong Counter { get; set; }

    public void Fill(Span<byte> destination)
    {
        if (seed is not { } value)
        {
            RandomNumberGenerator.Fill(destination);
            return;
        }

        Span<byte> input = stackalloc byte[2 * sizeof(ulong)];
        Span<byte> block = stackalloc byte[SHA384.HashSizeInBytes];
        BinaryPrimitives.WriteUInt64BigEndian(input, value);
        while (!destination.IsEmpty)
        {
            BinaryPrimitives.WriteUInt64BigEndian(input[sizeof(ulong)..], Counter++);
            SHA384.HashData(input, block);
            int count = Math.Min(block.Length, destination.Length);
            block[..count].CopyTo(destination);
            destination = destination[count..];
        }
    }
}
