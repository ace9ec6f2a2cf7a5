using System.Runtime.Intrinsics;
using V = System.Runtime.Intrinsics.Vector128<byte>;

namespace EnclaveTesting.Engine.Accelerators.Software.Cpu.Simd;

/// <summary>Whole vectors shifted by bytes.</summary>
internal static class Bytes
{
    /// <summary>Towards the upper bytes; counts above 15 leave nothing.</summary>
    public static V ShiftLeft(V value, int count)
        => count > 15 ? default : Vector128.Shuffle(value, Vector128<byte>.Indices - Vector128.Create((byte)count));

    /// <summary>Towards the lower bytes; counts above 15 leave nothing.</summary>
    public static V ShiftRight(V value, int count)
        => count > 15 ? default : Vector128.Shuffle(value, Vector128<byte>.Indices + Vector128.Create((byte)count));
}
