using System.Numerics;

namespace EnclaveTesting.Engine.Accelerators.Software.Chipset;

/// <summary>A set of the 256 interrupt vectors in four words, as IRR, ISR and TMR of a local APIC.</summary>
internal static class VectorSet
{
    private const int Words = 4, WordBits = 64;

    public static ulong[] Create() => new ulong[Words];

    public static bool Has(ulong[] set, int vector) => (set[vector / WordBits] >> (vector % WordBits) & 1) != 0;

    public static void Add(ulong[] set, int vector) => set[vector / WordBits] |= 1UL << (vector % WordBits);

    public static void Remove(ulong[] set, int vector) => set[vector / WordBits] &= ~(1UL << (vector % WordBits));

    /// <summary>The highest vector of the set, or -1.</summary>
    public static int Highest(ulong[] set)
    {
        for (int word = Words - 1; word >= 0; word--)
        {
            if (set[word] != 0)
                return (word * WordBits) + BitOperations.Log2(set[word]);
        }

        return -1;
    }

    /// <summary>The 32 vectors from 32 times <paramref name="index"/> up, as a register shows them.</summary>
    public static uint Register(ulong[] set, int index) => (uint)(set[index / 2] >> (index % 2 * 32));
}
