using System.Buffers.Binary;

namespace EnclaveTesting.Engine.Tests.Boot;

/// <summary>Kernel files made byte by byte.</summary>
internal static class TestKernels
{
    public static byte[] Elf(ulong entry, ulong physical, ReadOnlySpan<byte> code, ulong memorySize = 0, ulong? pvhEntry = null)
    {
        const int headers = 64 + (2 * 56);
        const int noteSize = 12 + 4 + 8;
        byte[] file = new byte[headers + noteSize + code.Length];
        "\u007fELF"u8.CopyTo(file);
        file[4] = 2;
        file[5] = 1;
        Put16(file, 16, 2);
        Put16(file, 18, 62);
        Put64(file, 24, entry);
        Put64(file, 32, 64);
        Put16(file, 54, 56);
        Put16(file, 56, (ushort)(pvhEntry is null ? 1 : 2));

        Put32(file, 64, 1);
        Put64(file, 64 + 8, headers + noteSize);
        Put64(file, 64 + 16, physical);
        Put64(file, 64 + 24, physical);
        Put64(file, 64 + 32, (ulong)code.Length);
        Put64(file, 64 + 40, memorySize == 0 ? (ulong)code.Length : memorySize);

        Put32(file, 120, 4);
        Put64(file, 120 + 8, headers);
        Put64(file, 120 + 32, noteSize);
        Put64(file, 120 + 40, noteSize);
        Put32(file, headers, 4);
        Put32(file, headers + 4, 8);
        Put32(file, headers + 8, 18);
        "Xen\0"u8.CopyTo(file.AsSpan(headers + 12));
        Put64(file, headers + 16, pvhEntry ?? 0);
        code.CopyTo(file.AsSpan(headers + noteSize));
        return file;
    }

    public static byte[] BzImage(ReadOnlySpan<byte> payload, ulong preferred = 0x100_0000, uint initSize = 0x20_0000, ushort loadFlags = 1, uint initrdMax = 0x7FFF_FFFF)
    {
        byte[] file = new byte[1024 + payload.Length];
        file[0x1F1] = 1; // one setup sector beside the boot sector
        Put16(file, 0x1FE, 0xAA55);
        file[0x201] = 0x6A; // the header ends at 0x26C
        "HdrS"u8.CopyTo(file.AsSpan(0x202));
        Put16(file, 0x206, 0x020F);
        Put32(file, 0x22C, initrdMax);
        Put32(file, 0x230, 0x20_0000);
        Put16(file, 0x236, loadFlags);
        Put32(file, 0x238, 2047);
        Put64(file, 0x258, preferred);
        Put32(file, 0x260, initSize);
        payload.CopyTo(file.AsSpan(1024));
        return file;
    }

    public static void Put16(byte[] file, int offset, ushort value) => BinaryPrimitives.WriteUInt16LittleEndian(file.AsSpan(offset), value);

    public static void Put32(byte[] file, int offset, uint value) => BinaryPrimitives.WriteUInt32LittleEndian(file.AsSpan(offset), value);

    public static void Put64(byte[] file, int offset, ulong value) => BinaryPrimitives.WriteUInt64LittleEndian(file.AsSpan(offset), value);
}
