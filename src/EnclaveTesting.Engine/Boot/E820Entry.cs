using EnclaveTesting.Engine.Memory;

namespace EnclaveTesting.Engine.Boot;

/// <summary>One range of the memory map that a PC's firmware hands to its kernel.</summary>
/// <param name="Start">First guest-physical address.</param>
/// <param name="Length">Length in bytes.</param>
/// <param name="Type">1 usable, 2 reserved (ACPI specification, INT 15h E820h).</param>
internal readonly record struct E820Entry(ulong Start, ulong Length, uint Type)
{
    public const uint Usable = 1, Reserved = 2;

    /// <summary>The map of a machine with this memory.</summary>
    public static IReadOnlyList<E820Entry> Map(GuestMemory memory)
    {
        List<E820Entry> map =
        [
            new(0, MemoryLayout.MpTable, Usable),
            new(MemoryLayout.MpTable, MemoryLayout.LegacyHoleStart - MemoryLayout.MpTable, Reserved),
            new(MemoryLayout.BiosAreaStart, MemoryLayout.HighMemoryStart - MemoryLayout.BiosAreaStart, Reserved),
        ];
        foreach (MemoryRegion region in memory.Regions)
        {
            ulong start = Math.Max(region.Start.Value, MemoryLayout.HighMemoryStart);
            map.Add(new(start, region.End.Value - start, Usable));
        }

        return map;
    }
}
