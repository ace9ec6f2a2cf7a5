using System.Runtime.InteropServices;

namespace EnclaveTesting.Engine.Accelerators.Kvm;

/// <summary>
/// What a guest should not see of a KVM that emulates ring 0: features that it announces, and that its emulator lacks where kernels use them.
/// Features that it does not announce it shows all the same, as the processor has them; those cannot be hidden. BMI1 is one of them, although
/// TZCNT runs as BSF there, which differs for zero only. LZCNT, which runs as BSR, it does not show.
/// </summary>
internal static unsafe class KvmEmulatedCpuid
{
    private const uint CompareExchange16 = 1 << 13, FiveLevels = 1 << 16, ClearBuffers = 1 << 10;

    /// <summary>Clock, no I/O delays, stable clock; everything else takes hypercalls, which never return there.</summary>
    private const uint WithoutHypercalls = 1 | (1 << 1) | (1 << 3) | (1 << 24);

    /// <summary>Hides them.</summary>
    public static void Adapt(ref KvmCpuidTable table)
    {
        fixed (byte* bytes = table.Entries)
        {
            foreach (ref KvmCpuidEntry entry in MemoryMarshal.Cast<byte, KvmCpuidEntry>(new Span<byte>(bytes, (int)table.Count * sizeof(KvmCpuidEntry))))
            {
                switch (entry.Function)
                {
                    case 0x1:
                        entry.Ecx &= ~CompareExchange16;
                        break;
                    case 0x7 when entry.Index == 0:
                        entry.Ecx &= ~FiveLevels;
                        entry.Edx &= ~ClearBuffers;
                        break;
                    case 0x4000_0001:
                        entry.Eax &= WithoutHypercalls;
                        break;
                }
            }
        }
    }
}
