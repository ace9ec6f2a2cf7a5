using System.Buffers.Binary;
using EnclaveTesting.Engine.Memory;

namespace EnclaveTesting.Engine.Boot;

/// <summary>Writes Linux's boot_params (arch/x86/include/uapi/asm/bootparam.h, Documentation/arch/x86/zero-page.rst).</summary>
internal static class BootParams
{
    private const int E820EntrySize = 20, MaximumE820Entries = 128;
    private const byte UnknownLoader = 0xFF, LoadedHigh = 1;

    public static void Write(GuestMemory memory, IKernel kernel, int commandLine, ulong initrd, ulong initrdSize, ulong rootPointer, ulong setupData)
    {
        Span<byte> page = memory.GetSpan(new GuestAddress(BootLayout.BootParams), 4096);
        page.Clear();
        if (kernel.SetupHeader.IsEmpty)
        {
            BinaryPrimitives.WriteUInt16LittleEndian(page[0x1FE..], 0xAA55);
            "HdrS"u8.CopyTo(page[0x202..]);
            BinaryPrimitives.WriteUInt16LittleEndian(page[0x206..], 0x020F);
            BinaryPrimitives.WriteUInt32LittleEndian(page[0x230..], 0x20_0000); // kernel_alignment
        }
        else
        {
            kernel.SetupHeader.Span.CopyTo(page[BzImage.SetupHeaderOffset..]);
        }

        BinaryPrimitives.WriteUInt16LittleEndian(page[0x1FA..], 0xFFFF); // vid_mode: normal
        BinaryPrimitives.WriteUInt64LittleEndian(page[0x070..], rootPointer); // acpi_rsdp_addr
        page[0x210] = UnknownLoader;
        page[0x211] |= LoadedHigh;
        BinaryPrimitives.WriteUInt32LittleEndian(page[0x214..], (uint)kernel.Start);
        BinaryPrimitives.WriteUInt32LittleEndian(page[0x218..], (uint)initrd);
        BinaryPrimitives.WriteUInt32LittleEndian(page[0x0C0..], (uint)(initrd >> 32));
        BinaryPrimitives.WriteUInt32LittleEndian(page[0x21C..], (uint)initrdSize);
        BinaryPrimitives.WriteUInt32LittleEndian(page[0x0C4..], (uint)(initrdSize >> 32));
        BinaryPrimitives.WriteUInt32LittleEndian(page[0x228..], (uint)BootLayout.CommandLine);
        BinaryPrimitives.WriteUInt32LittleEndian(page[0x238..], (uint)commandLine);
        BinaryPrimitives.WriteUInt64LittleEndian(page[0x250..], setupData);

        IReadOnlyList<E820Entry> map = E820Entry.Map(memory);
        if (map.Count > MaximumE820Entries)
            throw new InvalidOperationException($"The memory map has {map.Count} entries; boot_params holds {MaximumE820Entries}.");
        page[0x1E8] = (byte)map.Count;
        for (int i = 0; i < map.Count; i++)
        {
            Span<byte> entry = page[(0x2D0 + (i * E820EntrySize))..];
            BinaryPrimitives.WriteUInt64LittleEndian(entry, map[i].Start);
            BinaryPrimitives.WriteUInt64LittleEndian(entry[8..], map[i].Length);
            BinaryPrimitives.WriteUInt32LittleEndian(entry[16..], map[i].Type);
        }
    }
}
