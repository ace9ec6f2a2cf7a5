using System.Numerics;
using System.Runtime.InteropServices;
using System.Runtime.Versioning;
using EnclaveTesting.Engine.Accelerators.Cpuid;

namespace EnclaveTesting.Engine.Accelerators.Kvm;

/// <summary>
/// The CPUID a guest sees: what the host's KVM supports, with the topology of this machine (one package, one thread per
/// core) and without what a microVM does not have (performance counters, MONITOR).
/// </summary>
internal static class KvmCpuid
{
    private const uint Monitor = 1u << 3, TscDeadline = 1u << 24, Hypervisor = 1u << 31, HyperThreading = 1u << 28;
    private const uint SignificantIndex = 1;
    private const uint AlwaysRunningApicTimer = 1u << 2;
    private const uint LevelSmt = 1u << 8, LevelCore = 2u << 8;

    /// <summary>Asks KVM for what it supports.</summary>
    [SupportedOSPlatform("linux")]
    public static KvmCpuidTable Supported(FileDescriptor kvm)
    {
        var table = new KvmCpuidTable { Count = KvmCpuidTable.Capacity };
        KvmIoctl.Call(kvm, KvmIoctl.GetSupportedCpuid, ref table);
        return table;
    }

    /// <summary>The table of one CPU of a template.</summary>
    public static unsafe KvmCpuidTable Create(CpuTemplate template, int cpu, int cpus)
    {
        var table = new CpuidTable(template, cpu, cpus);
        var result = new KvmCpuidTable { Count = (uint)table.Entries.Length };
        var entries = new Span<KvmCpuidEntry>(result.Entries, table.Entries.Length);
        for (int i = 0; i < entries.Length; i++)
        {
            CpuidEntry entry = table.Entries[i];
            entries[i] = new KvmCpuidEntry
            {
                Function = entry.Function,
                Index = entry.Index ?? 0,
                Flags = entry.Index is null ? 0 : SignificantIndex,
                Eax = entry.Leaf.Eax,
                Ebx = entry.Leaf.Ebx,
                Ecx = entry.Leaf.Ecx,
                Edx = entry.Leaf.Edx,
            };
        }

        return result;
    }

    /// <summary>The features of a template that KVM does not support on this host.</summary>
    public static unsafe string[] FindMissing(KvmCpuidTable supported, CpuTemplate template, bool tscDeadline)
    {
        var missing = new List<string>();
        foreach (CpuFeature feature in CpuFeatures.All)
        {
            // KVM tells of the deadline timer by a capability, and says nothing about being a hypervisor.
            bool found = feature.Name switch
            {
                "hypervisor" => true,
                "tsc_deadline_timer" => tscDeadline,
                _ => IsSet(new ReadOnlySpan<KvmCpuidEntry>(supported.Entries, (int)supported.Count), feature),
            };
            if (feature.IsIn(template) && !found)
                missing.Add(feature.Name);
        }

        return [.. missing];
    }

    /// <summary>Adapts the table to one CPU.</summary>
    public static unsafe void Adapt(ref KvmCpuidTable table, int apicId, int cpus, bool tscDeadline)
    {
        uint id = (uint)apicId, count = (uint)cpus;
        uint coreBits = (uint)BitOperations.Log2(BitOperations.RoundUpToPowerOf2(count));
        fixed (byte* bytes = table.Entries)
        {
            foreach (ref KvmCpuidEntry entry in MemoryMarshal.Cast<byte, KvmCpuidEntry>(new Span<byte>(bytes, (int)table.Count * sizeof(KvmCpuidEntry))))
            {
                switch (entry.Function)
                {
                    case 0x1:
                        entry.Ebx = (entry.Ebx & 0xFF) | (8 << 8) | (count << 16) | (id << 24);
                        entry.Ecx = (entry.Ecx & ~(Monitor | TscDeadline)) | Hypervisor | (tscDeadline ? TscDeadline : 0);
                        entry.Edx = count > 1 ? entry.Edx | HyperThreading : entry.Edx & ~HyperThreading;
                        break;
                    case 0x4 when (entry.Eax & 0x1F) != 0:
                        entry.Eax = (entry.Eax & 0x3FFF) | ((count - 1) << 26);
                        break;
                    case 0x6:
                        entry.Eax &= AlwaysRunningApicTimer;
                        entry.Ecx = 0;
                        break;
                    case 0xA:
                        entry.Eax = entry.Ebx = entry.Ecx = entry.Edx = 0;
                        break;
                    case 0xB or 0x1F:
                        (entry.Eax, entry.Ebx, entry.Ecx) = entry.Index switch
                        {
                            0 => (0u, 1u, LevelSmt),
                            1 => (coreBits, count, LevelCore | 1),
                            _ => (0u, 0u, entry.Index),
                        };
                        entry.Edx = id;
                        break;
                    case 0x8000_0008:
                        entry.Ecx = (entry.Ecx & ~0xFFFFu) | (coreBits << 12) | (count - 1);
                        break;
                    case 0x8000_001E:
                        entry.Eax = id;
                        entry.Ebx = id;
                        entry.Ecx = 0;
                        break;
                }
            }
        }
    }

    private static bool IsSet(ReadOnlySpan<KvmCpuidEntry> entries, CpuFeature feature)
    {
        foreach (KvmCpuidEntry entry in entries)
        {
            if (entry.Function == feature.Function && entry.Index == feature.Index)
                return (new CpuidLeaf(entry.Eax, entry.Ebx, entry.Ecx, entry.Edx)[feature.Register] & (1u << feature.Bit)) != 0;
        }

        return false;
    }
}
