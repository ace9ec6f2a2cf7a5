using System.Buffers.Binary;
using EnclaveTesting.Engine.State;
using Xunit.Abstractions;

namespace EnclaveTesting.Engine.Tests.State;

public class PartChecksumTests(ITestOutputHelper output)
{
    /// <summary>The catalogued check value, of "123456789", and one of another implementation.</summary>
    [Theory]
    [InlineData("313233343536373839", 0xE306_9283)]
    [InlineData("00010203040506070809", 0x022C_2131)]
    public void A_short_part_has_its_crc_32c(string part, uint crc) =>
        BinaryPrimitives.ReadUInt32LittleEndian(Of(Convert.FromHexString(part))).Should().Be(crc);

    [Fact]
    public void Every_fourth_word_has_a_crc_of_its_own()
    {
        int seed = Environment.TickCount;
        output.WriteLine($"seed {seed}");
        byte[] part = new byte[32 * 100];
        new Random(seed).NextBytes(part);

        byte[] checksum = Of(part);

        for (int lane = 0; lane < 4; lane++)
        {
            byte[] words = [.. part.Chunk(8).Where((_, index) => index % 4 == lane).SelectMany(word => word)];
            checksum.AsSpan(lane * 4, 4).ToArray().Should().Equal(Crc32C(words));
        }
    }

    [Fact]
    public void A_changed_bit_anywhere_changes_it()
    {
        byte[] part = [.. Enumerable.Range(0, 77).Select(value => (byte)value)];
        var seen = new HashSet<string> { Convert.ToHexString(Of(part)) };
        for (int bit = 0; bit < part.Length * 8; bit++)
        {
            byte[] changed = [.. part];
            changed[bit / 8] ^= (byte)(1 << (bit % 8));
            seen.Add(Convert.ToHexString(Of(changed))).Should().BeTrue();
        }
    }

    private static byte[] Of(ReadOnlySpan<byte> part)
    {
        byte[] checksum = new byte[PartChecksum.Size];
        PartChecksum.Compute(part, checksum);
        return checksum;
    }

    // Bit by bit, as the polynomial says.
    private static byte[] Crc32C(byte[] bytes)
    {
        uint crc = uint.MaxValue;
        foreach (byte value in bytes)
        {
            crc ^= value;
            for (int bit = 0; bit < 8; bit++)
                crc = (crc >> 1) ^ ((crc & 1) * 0x82F6_3B78);
        }

        byte[] result = new byte[4];
        BinaryPrimitives.WriteUInt32LittleEndian(result, ~crc);
        return result;
    }
}
