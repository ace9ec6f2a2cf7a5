using System.Buffers.Binary;

namespace EnclaveTesting.Engine.Boot;

/// <summary>The header that all ACPI tables but the root pointer have, and their checksum (ACPI specification 6.5, 5.2.6).</summary>
internal static class AcpiTable
{
    /// <summary>Where a table's own fields begin.</summary>
    public const int HeaderSize = 36;

    private const int LengthField = 4, RevisionField = 8, ChecksumField = 9, MakerField = 10, TableIdField = 16;
    private const int TableRevisionField = 24, CreatorField = 28, CreatorRevisionField = 32;

    /// <summary>Who made the tables: six characters.</summary>
    public static ReadOnlySpan<byte> Maker => "ENCLAV"u8;

    /// <summary>Writes the header around fields that are already there.</summary>
    public static void Complete(Span<byte> table, ReadOnlySpan<byte> signature, byte revision)
    {
        signature.CopyTo(table);
        BinaryPrimitives.WriteUInt32LittleEndian(table[LengthField..], (uint)table.Length);
        table[RevisionField] = revision;
        table[ChecksumField] = 0;
        Maker.CopyTo(table[MakerField..]);
        "MICROVM "u8.CopyTo(table[TableIdField..]);
        BinaryPrimitives.WriteUInt32LittleEndian(table[TableRevisionField..], 1);
        "ENCL"u8.CopyTo(table[CreatorField..]);
        BinaryPrimitives.WriteUInt32LittleEndian(table[CreatorRevisionField..], 1);
        table[ChecksumField] = TableChecksum.Of(table);
    }
}
