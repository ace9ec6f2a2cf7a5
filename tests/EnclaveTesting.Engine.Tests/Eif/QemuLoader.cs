using System.Buffers.Binary;
using System.Formats.Cbor;
using System.Security.Cryptography;
using System.Security.Cryptography.X509Certificates;
using System.Text;

namespace EnclaveTesting.Engine.Tests.Eif;

/// <summary>
/// A second reader of images, by the rules of QEMU's loader (hw/core/eif.c) and with nothing of the product's: what it refuses,
/// QEMU refuses.
/// </summary>
internal sealed class QemuLoader
{
    private const int MaxSections = 32;
    private const int CrcOffset = 544;

    private QemuLoader(string commandLine, byte[] kernel, byte[] initrd, string[] pcrs)
    {
        CommandLine = commandLine;
        Kernel = kernel;
        Initrd = initrd;
        Pcrs = pcrs;
    }

    public string CommandLine { get; }

    public byte[] Kernel { get; }

    /// <summary>All ramdisks, one after the other.</summary>
    public byte[] Initrd { get; }

    /// <summary>PCR0, 1, 2 and, if the image is signed, 8.</summary>
    public string[] Pcrs { get; }

    public static QemuLoader Load(ReadOnlySpan<byte> image)
    {
        image[..4].SequenceEqual(".eif"u8).Should().BeTrue("the magic number is .eif");
        U16(image, 4).Should().BeGreaterThanOrEqualTo(4, "the version");
        U16(image, 6).Should().Be(0, "flags: x86_64");
        int count = U16(image, 26);
        count.Should().BeLessThanOrEqualTo(MaxSections);

        byte[]? kernel = null, commandLine = null, certificate = null;
        var ramdisks = new List<byte[]>();
        for (int i = 0; i < count; i++)
        {
            int offset = checked((int)U64(image, 28 + 8 * i)), size = checked((int)U64(image, 284 + 8 * i));
            U16(image, offset + 2).Should().Be(0, "a section's flags");
            U64(image, offset + 4).Should().Be((ulong)size, "the two sizes of a section");
            byte[] data = image.Slice(offset + RawEif.SectionHeaderSize, size).ToArray();
            switch (U16(image, offset))
            {
                case 1:
                    kernel.Should().BeNull("there is one kernel");
                    kernel = data;
                    break;
                case 2:
                    commandLine.Should().BeNull("there is one command line");
                    commandLine = data;
                    break;
                case 3:
                    ramdisks.Add(data);
                    break;
                case 4:
                    certificate = ReadCertificate(data);
                    break;
            }
        }

        kernel.Should().NotBeNull();
        commandLine.Should().NotBeNull();
        ramdisks.Should().NotBeEmpty();
        BinaryPrimitives.ReadUInt32BigEndian(image[CrcOffset..]).Should().Be(RawEif.Crc(image));
        string[] pcrs = [Pcr([kernel!, commandLine!, .. ramdisks]), Pcr([kernel!, commandLine!, ramdisks[0]]), Pcr([.. ramdisks.Skip(1)])];
        return new QemuLoader(Encoding.UTF8.GetString(commandLine!), kernel!, [.. ramdisks.SelectMany(it => it)], certificate is null ? pcrs : [.. pcrs, Pcr([certificate])]);
    }

    /// <summary>[ { "signing_certificate": PEM as an array of numbers below 256, anything }, ... ], in just this order.</summary>
    private static byte[] ReadCertificate(byte[] section)
    {
        var reader = new CborReader(section, CborConformanceMode.Strict);
        reader.ReadStartArray().Should().BeGreaterThan(0);
        reader.ReadStartMap().Should().Be(2);
        reader.ReadTextString().Should().Be("signing_certificate");
        int length = reader.ReadStartArray() ?? 0;
        length.Should().BeGreaterThan(0);
        byte[] pem = new byte[length];
        for (int i = 0; i < length; i++)
        {
            reader.PeekState().Should().Be(CborReaderState.UnsignedInteger);
            byte[] number = reader.ReadEncodedValue().ToArray();
            number.Length.Should().BeLessThanOrEqualTo(2, "the integer's width is 8 bits");
            pem[i] = number[^1];
        }

        using var certificate = X509Certificate2.CreateFromPem(Encoding.ASCII.GetString(pem));
        return certificate.RawData;
    }

    private static string Pcr(byte[][] parts) =>
        Convert.ToHexStringLower(SHA384.HashData([.. new byte[SHA384.HashSizeInBytes], .. SHA384.HashData(parts.SelectMany(it => it).ToArray())]));

    private static ushort U16(ReadOnlySpan<byte> image, int offset) => BinaryPrimitives.ReadUInt16BigEndian(image[offset..]);

    private static ulong U64(ReadOnlySpan<byte> image, int offset) => BinaryPrimitives.ReadUInt64BigEndian(image[offset..]);
}
