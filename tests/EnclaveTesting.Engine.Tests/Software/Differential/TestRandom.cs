namespace EnclaveTesting.Engine.Tests.Software.Differential;

/// <summary>A small, fast generator whose sequence depends on nothing but the seed (xorshift64*).</summary>
internal sealed class TestRandom(ulong seed)
{
    private ulong _state = (seed * 0x9E37_79B9_7F4A_7C15) | 1;

    public ulong Next()
    {
        _state ^= _state >> 12;
        _state ^= _state << 25;
        _state ^= _state >> 27;
        return _state * 0x2545_F491_4F6C_DD1D;
    }

    public int Below(int limit) => (int)((Next() >> 33) % (uint)limit);

    public bool Chance(int percent) => Below(100) < percent;

    public T Pick<T>(ReadOnlySpan<T> values) => values[Below(values.Length)];

    public void Fill(Span<byte> bytes)
    {
        Span<ulong> words = System.Runtime.InteropServices.MemoryMarshal.Cast<byte, ulong>(bytes);
        for (int i = 0; i < words.Length; i++)
            words[i] = Next();
    }
}
