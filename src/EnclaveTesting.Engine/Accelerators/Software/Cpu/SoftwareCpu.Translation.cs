using System.Runtime.CompilerServices;
using System.Runtime.Intrinsics;

namespace EnclaveTesting.Engine.Accelerators.Software.Cpu;

/// <summary>What translations call where the TLB does not answer. A fault is told by the pending vector.</summary>
internal sealed unsafe partial class SoftwareCpu
{
    /// <summary>Loads up to 8 bytes; zeros above them, and if a fault is pending now.</summary>
    [MethodImpl(MethodImplOptions.NoInlining)]
    internal ulong LoadForTranslation(ulong linear, int size, long retired)
    {
        State->Retired = retired;
        return LoadSlow(linear, size, Access.Read) ? Scratch(size) : 0;
    }

    /// <summary>Loads what is stored back by <see cref="StoreForTranslation"/> next, which cannot fault any more.</summary>
    [MethodImpl(MethodImplOptions.NoInlining)]
    internal ulong LoadForStoreForTranslation(ulong linear, int size, long retired)
    {
        State->Retired = retired;
        return LoadSlow(linear, size, Access.Write) ? Scratch(size) : 0;
    }

    /// <summary>Stores up to 8 bytes; false if a fault is pending.</summary>
    [MethodImpl(MethodImplOptions.NoInlining)]
    internal bool StoreForTranslation(ulong linear, ulong value, int size, long retired)
    {
        State->Retired = retired;
        *(ulong*)_scratch = value;
        return StoreSlow(linear, size);
    }

    /// <summary>Loads 16 bytes; zeros if a fault is pending now.</summary>
    [MethodImpl(MethodImplOptions.NoInlining)]
    internal Vector128<byte> LoadVectorForTranslation(ulong linear, long retired)
    {
        State->Retired = retired;
        return LoadSlow(linear, sizeof(Vector128<byte>), Access.Read) ? *(Vector128<byte>*)_scratch : default;
    }

    /// <summary>Stores 16 bytes; false if a fault is pending.</summary>
    [MethodImpl(MethodImplOptions.NoInlining)]
    internal bool StoreVectorForTranslation(ulong linear, Vector128<byte> value, long retired)
    {
        State->Retired = retired;
        *(Vector128<byte>*)_scratch = value;
        return StoreSlow(linear, sizeof(Vector128<byte>));
    }

    private ulong Scratch(int size)
    {
        // What is above the value may be left from before.
        ulong value = *(ulong*)_scratch;
        return size == 8 ? value : value & ((1UL << (8 * size)) - 1);
    }
}
