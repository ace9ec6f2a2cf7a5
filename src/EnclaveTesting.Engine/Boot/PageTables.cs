using System.Buffers.Binary;
using EnclaveTesting.Engine.Memory;

namespace EnclaveTesting.Engine.Boot;

/// <summary>The page tables of the 64-bit entry: the first 4 GiB mapped to themselves with 2 MiB pages.</summary>
internal static class PageTables
{
    private const ulong PresentWritable = 3, LargePage = 0x80;
    private const int Directories = 4, Entries = 512;
    private const ulong LargePageSize = 2 * 1024 * 1024;

    /// <summary>Writes six pages of tables; returns the address for CR3.</summary>
    public static ulong Write(GuestMemory memory)
    {
        const int pageSize = (int)MemoryLayout.PageSize;
        Span<byte> tables = memory.GetSpan(new GuestAddress(BootLayout.PageTables), (2 + Directories) * pageSize);
        tables.Clear();
        const ulong pointerTable = BootLayout.PageTables + pageSize;
        BinaryPrimitives.WriteUInt64LittleEndian(tables, pointerTable | PresentWritable);
        for (int directory = 0; directory < Directories; directory++)
        {
            ulong address = pointerTable + ((ulong)(directory + 1) * pageSize);
            BinaryPrimitives.WriteUInt64LittleEndian(tables[(pageSize + (directory * 8))..], address | PresentWritable);
            Span<byte> table = tables[((2 + directory) * pageSize)..];
            for (int entry = 0; entry < Entries; entry++)
            {
                ulong physical = (ulong)((directory * Entries) + entry) * LargePageSize;
                BinaryPrimitives.WriteUInt64LittleEndian(table[(entry * 8)..], physical | PresentWritable | LargePage);
            }
        }

        return BootLayout.PageTables;
    }
}
