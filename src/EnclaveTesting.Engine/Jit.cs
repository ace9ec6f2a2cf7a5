using System.Runtime.CompilerServices;

namespace EnclaveTesting.Engine;

/// <summary>What the just-in-time compiler is told of methods.</summary>
internal static class Jit
{
    /// <summary>
    /// Of what every boot runs thousands of times: compiled once, optimised, at its first call. Compiled twice, first quickly and then, when the
    /// runtime finds the time, well, it would cost a first boot more. The price: such methods are never compiled ahead of time.
    /// </summary>
    public const MethodImplOptions Hot = MethodImplOptions.AggressiveOptimization;
}
