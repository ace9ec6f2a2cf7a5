using System.Buffers.Binary;
using System.Security.Cryptography;
using EnclaveTesting.Engine.Memory;

namespace EnclaveTesting.Engine.Boot;

/// <summary>
/// Random bytes that the loader gives to Linux, for processors without RDRAND: setup_data of the type SETUP_RNG_SEED
/// (arch/x86/include/uapi/asm/setup_data.h). A real enclave's processor has RDRAND, and its kernel gets none of these.
/// </summary>
internal static class BootEntropy
{
    public const int Size = 32;

    private const uint RngSeed = 9;
    private const int HeaderSize = 16;

    /// <summary>The bytes.</summary>
    /// <param name="seed">What they follow from; null takes the operating system's entropy.</param>
    public static byte[] Create(ulong? seed)
    {
        if (seed is not { } value)
            return RandomNumberGenerator.GetBytes(Size);
        ReadOnlySpan<byte> purpose = "boot entropy"u8;
        Span<byte> input = stackalloc byte[purpose.Length + sizeof(ulong)];
        purpose.CopyTo(input);
        BinaryPrimitives.WriteUInt64BigEndian(input[purpose.Length..], value);
        return SHA256.HashData(input);
    }

    /// <summary>Writes the entry, the only one of its list.</summary>
    /// <returns>Its address.</returns>
    public static ulong Write(GuestMemory memory, ReadOnlySpan<byte> entropy)
    {
        Span<byte> entry = memory.GetSpan(new GuestAddress(BootLayout.SetupData), HeaderSize + entropy.Length);
        BinaryPrimitives.WriteUInt64LittleEndian(entry, 0); // next
        BinaryPrimitives.WriteUInt32LittleEndian(entry[8..], RngSeed);
        BinaryPrimitives.WriteInt32LittleEndian(entry[12..], entropy.Length);
        entropy.CopyTo(entry[HeaderSize..]);
        return BootLayout.SetupData;
    }
}
