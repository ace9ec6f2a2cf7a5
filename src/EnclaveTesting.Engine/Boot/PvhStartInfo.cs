using System.Buffers.Binary;
using EnclaveTesting.Engine.Memory;

namespace EnclaveTesting.Engine.Boot;

/// <summary>Writes hvm_start_info, its module list and memory map (Xen, public/arch-x86/hvm/start_info.h, version 1).</summary>
internal static class PvhStartInfo
{
    private const uint Magic = 0x336E_C578;
    private const int InfoSize = 56, ModuleSize = 32, MapEntrySize = 24;

    public static void Write(GuestMemory memory, ulong initrd, ulong initrdSize, ulong rootPointer)
    {
        IReadOnlyList<E820Entry> map = E820Entry.Map(memory);
        const ulong modules = BootLayout.PvhStartInfo + InfoSize;
        const ulong entries = modules + ModuleSize;
        Span<byte> info = memory.GetSpan(new GuestAddress(BootLayout.PvhStartInfo), InfoSize + ModuleSize + (map.Count * MapEntrySize));
        info.Clear();
        BinaryPrimitives.WriteUInt32LittleEndian(info, Magic);
        BinaryPrimitives.WriteUInt32LittleEndian(info[4..], 1);
        if (initrdSize != 0)
        {
            BinaryPrimitives.WriteUInt32LittleEndian(info[12..], 1);
            BinaryPrimitives.WriteUInt64LittleEndian(info[16..], modules);
            BinaryPrimitives.WriteUInt64LittleEndian(info[InfoSize..], initrd);
            BinaryPrimitives.WriteUInt64LittleEndian(info[(InfoSize + 8)..], initrdSize);
        }

        BinaryPrimitives.WriteUInt64LittleEndian(info[24..], BootLayout.CommandLine);
        BinaryPrimitives.WriteUInt64LittleEndian(info[32..], rootPointer); // rsdp_paddr
        BinaryPrimitives.WriteUInt64LittleEndian(info[40..], entries);
        BinaryPrimitives.WriteUInt32LittleEndian(info[48..], (uint)map.Count);
        for (int i = 0; i < map.Count; i++)
        {
            Span<byte> entry = info[(InfoSize + ModuleSize + (i * MapEntrySize))..];
            BinaryPrimitives.WriteUInt64LittleEndian(entry, map[i].Start);
            BinaryPrimitives.WriteUInt64LittleEndian(entry[8..], map[i].Length);
            BinaryPrimitives.WriteUInt32LittleEndian(entry[16..], map[i].Type);
        }
    }
}
