using System.Buffers.Binary;
using System.IO.Compression;
using EnclaveTesting.Engine.Boot;
using EnclaveTesting.Engine.Eif;
using EnclaveTesting.Engine.Images;
using EnclaveTesting.Engine.Memory;
using Microsoft.Extensions.Logging;
using ZstdSharp;

namespace EnclaveTesting.Engine.Tests.Boot;

/// <summary>Images whose kernel and ramdisks are unpacked while they are loaded.</summary>
public class UnpackingTests
{
    private const ulong KernelStart = 0x100_0000;
    private const uint KernelRoom = 0x20_0000;
    private static readonly byte[] Code = RandomBytes(50_000);
    private static readonly byte[] First = Archive("init", 5001), Second = Archive("rootfs/app", 70_003);
    private static readonly PlatformDescription Platform = new(Cpus: 1, VirtioDevices: 2, Acpi: false);

    private readonly Notes _log = new();

    [Theory]
    [InlineData("gzip")]
    [InlineData("zstd")]
    public void The_kernel_in_a_bzImage_is_put_where_it_was_linked_for_and_entered_there(string format)
    {
        byte[] kernel = Kernel(Elf(), format);
        using GuestMemory memory = GuestMemory.Allocate(64 << 20);

        LoadedImage loaded = Load(kernel, memory);

        loaded.Entry.Registers.Rip.Should().Be(KernelStart + 0x123);
        loaded.Entry.System.Efer.Should().Be(0x500);
        memory.GetSpan(new GuestAddress(KernelStart), Code.Length).SequenceEqual(Code).Should().BeTrue();
        memory.GetSpan(new GuestAddress(KernelStart + (ulong)Code.Length), 100_000).ContainsAnyExcept((byte)0).Should().BeFalse("the kernel finds zeroes behind itself");
        Read<uint>(memory, loaded.Entry.Registers.Rsi + 0x202).Should().Be(0x53726448, "the setup header came along");
        _log.Text.Should().Contain("kernel unpacked");
    }

    [Theory]
    [InlineData(true)]
    [InlineData(false)]
    public void Measurements_are_those_of_the_image_as_it_is(bool decompress)
    {
        byte[] kernel = Kernel(Elf(), "gzip");
        using EifImage image = EifImage.Load(Image(kernel, Gzip(First), Zstd(Second)));
        using GuestMemory memory = GuestMemory.Allocate(64 << 20);

        LoadedImage loaded = LinuxBoot.Load(image, memory, Platform, "console=ttyS0", default, decompress);

        using EifImage again = EifImage.Load(Image(kernel, Gzip(First), Zstd(Second)));
        loaded.Measurements.Should().Be(again.Measurements);
    }

    [Fact]
    public void A_kernel_whose_payload_is_nothing_known_unpacks_itself()
    {
        byte[] kernel = Kernel(Elf(), "none");
        using GuestMemory memory = GuestMemory.Allocate(64 << 20);

        LoadedImage loaded = Load(kernel, memory);

        loaded.Entry.Registers.Rip.Should().Be(KernelStart + 0x200);
        memory.GetSpan(new GuestAddress(KernelStart), kernel.Length - 1024).SequenceEqual(kernel.AsSpan(1024)).Should().BeTrue();
        _log.Text.Should().Contain("left to unpack itself: the payload starts with 7f45");
    }

    [Theory]
    [InlineData("no ELF")]
    [InlineData("outside")]
    [InlineData("no entry")]
    public void A_payload_that_is_no_kernel_known_here_leaves_nothing_in_memory(string what)
    {
        byte[] elf = what switch
        {
            "no ELF" => Code,
            "outside" => TestKernels.Elf(0x900_0000, 0x900_0000, Code),
            _ => TestKernels.Elf(0x30_0000, KernelStart, Code),
        };
        byte[] kernel = Kernel(elf, "gzip");
        using GuestMemory memory = GuestMemory.Allocate(64 << 20), plain = GuestMemory.Allocate(64 << 20);

        LoadedImage loaded = Load(kernel, memory);

        LoadedImage expected = Load(kernel, plain, decompress: false);
        loaded.Entry.Registers.Should().Be(expected.Entry.Registers);
        memory.GetSpan(new GuestAddress(0), 64 << 20).SequenceEqual(plain.GetSpan(new GuestAddress(0), 64 << 20)).Should().BeTrue();
        _log.Text.Should().Contain("left to unpack itself");
    }

    [Fact]
    public void A_payload_that_claims_more_than_its_kernel_asks_memory_for_is_refused()
    {
        byte[] kernel = Kernel(Elf(), "zstd");
        BinaryPrimitives.WriteUInt32LittleEndian(kernel.AsSpan(kernel.Length - 4), uint.MaxValue);
        Action load = () => Load(kernel);

        load.Should().Throw<EnclaveImageException>().WithMessage($"*kernel of <memory> is damaged at offset {548 + 12 + kernel.Length - 4} *at most {KernelRoom} bytes*found 4294967295*");
    }

    [Theory]
    [InlineData(-1)]
    [InlineData(1)]
    public void A_payload_that_unpacks_to_another_length_than_it_claims_is_refused(int difference)
    {
        byte[] elf = [.. Elf(), .. "relocations"u8];
        byte[] kernel = Kernel(elf, "zstd");
        BinaryPrimitives.WriteInt32LittleEndian(kernel.AsSpan(kernel.Length - 4), elf.Length + difference);
        Action load = () => Load(kernel);

        load.Should().Throw<EnclaveImageException>().WithMessage("*is damaged at offset*unpacked bytes*");
    }

    [Fact]
    public void A_payload_cut_short_is_refused_and_a_damaged_image_is_called_that()
    {
        byte[] kernel = Kernel(Elf(), "zstd");
        BinaryPrimitives.WriteInt32LittleEndian(kernel.AsSpan(0x24C), 1000);
        BinaryPrimitives.WriteInt32LittleEndian(kernel.AsSpan(1024 + 996), Elf().Length);
        Action load = () => Load(kernel);
        load.Should().Throw<EnclaveImageException>().WithMessage("*kernel of <memory> is damaged*expected 1 more bytes, found the end of the data*");

        byte[] bytes = Image(Kernel(Elf(), "zstd"), First);
        bytes[548 + 12 + 1024 + 40] ^= 0xFF;
        using EifImage image = EifImage.Load(bytes);
        using GuestMemory memory = GuestMemory.Allocate(64 << 20);
        Action loadDamaged = () => LinuxBoot.Load(image, memory, Platform, "", default, decompress: true);
        loadDamaged.Should().Throw<EifFormatException>().WithMessage("*CRC-32*");
    }

    [Fact]
    public void Packed_ramdisks_become_plain_archives_each_at_a_multiple_of_four()
    {
        using GuestMemory memory = GuestMemory.Allocate(64 << 20);

        // Zeroes may stand between archives, and a plain one may stand before a packed one in the same ramdisk.
        byte[] mixed = [.. First, 0, 0, 0, 0, .. Gzip(Second), 0, 0, 0];
        LoadedImage loaded = Load(Kernel(Elf(), "gzip"), memory, [mixed, Zstd(First), Gzip(Second)], extra: Gzip(First));

        Initrd(memory, loaded).Should().Equal([.. First, .. Second, .. First, .. Second, .. First]);
        (First.Length % 4, Second.Length % 4).Should().Be((0, 0), "archives are padded");
        _log.Text.Should().Contain("4 packed ramdisks unpacked");
    }

    [Fact]
    public void A_packed_archive_behind_microcode_is_found()
    {
        using GuestMemory memory = GuestMemory.Allocate(64 << 20);

        LoadedImage loaded = Load(Kernel(Elf(), "gzip"), memory, [[.. Archive("kernel/x86/microcode/GenuineIntel.bin", 3000), .. Zstd(Second)]]);

        Initrd(memory, loaded).Should().Equal([.. Archive("kernel/x86/microcode/GenuineIntel.bin", 3000), .. Second]);
    }

    [Fact]
    public void Plain_ramdisks_stay_where_they_would_be()
    {
        using GuestMemory memory = GuestMemory.Allocate(64 << 20), plain = GuestMemory.Allocate(64 << 20);

        LoadedImage loaded = Load(Kernel(Elf(), "gzip"), memory, [First, Second]);

        LoadedImage expected = Load(Kernel(Elf(), "gzip"), plain, [First, Second], decompress: false);
        Read<uint>(memory, loaded.Entry.Registers.Rsi + 0x218).Should().Be(Read<uint>(plain, expected.Entry.Registers.Rsi + 0x218));
        Initrd(memory, loaded).Should().Equal([.. First, .. Second]);
    }

    [Theory]
    [InlineData("junk", "no archive at offset")]
    [InlineData("bomb", "needs the rest of its memory")]
    [InlineData("no archive", "something else")]
    [InlineData("cut archive", "something else")]
    [InlineData("misaligned", "no archive at offset")]
    public void Ramdisks_that_a_kernel_would_make_something_else_of_are_left_to_it(string what, string reason)
    {
        byte[] ramdisk = what switch
        {
            "junk" => [.. Gzip(First), .. "what is this"u8],
            "bomb" => Gzip(new CpioArchive().AddFile("big", new byte[100 << 20]).Build()),
            "no archive" => Gzip(Code),
            "cut archive" => Gzip(Second[..20_000]),
            _ => Misaligned(),
        };
        using GuestMemory memory = GuestMemory.Allocate(64 << 20), plain = GuestMemory.Allocate(64 << 20);

        LoadedImage loaded = Load(Kernel(Elf(), "gzip"), memory, [ramdisk]);

        Initrd(memory, loaded).Should().Equal(ramdisk);
        LoadedImage expected = Load(Kernel(Elf(), "none"), plain, [ramdisk]);
        ulong start = Read<uint>(memory, loaded.Entry.Registers.Rsi + 0x218);
        start.Should().Be(Read<uint>(plain, expected.Entry.Registers.Rsi + 0x218));
        int below = (int)(start - KernelStart - KernelRoom);
        memory.GetSpan(new GuestAddress(KernelStart + KernelRoom), below).ContainsAnyExcept((byte)0).Should().BeFalse("what was unpacked is gone again");
        _log.Text.Should().Contain("left to the kernel").And.Contain(reason);
    }

    [Fact]
    public void A_ramdisk_cut_short_is_refused_with_its_place_in_the_file()
    {
        byte[] cut = Gzip(Second)[..^100];
        byte[] kernel = Kernel(Elf(), "gzip");
        Action load = () => Load(kernel, ramdisks: [First, cut]);
        Action loadExtra = () => Load(kernel, ramdisks: [First], extra: cut);

        load.Should().Throw<EnclaveImageException>().WithMessage("A ramdisk of <memory> is damaged at offset *expected *found *told not to decompress*");
        loadExtra.Should().Throw<EnclaveImageException>().WithMessage("The extra initrd of <memory> is damaged at offset *");
    }

    private static byte[] Misaligned()
    {
        byte[] packed = Gzip(First);
        byte[] gap = new byte[(-packed.Length & 3) + 2];
        return [.. packed, .. gap, .. Second];
    }

    private LoadedImage Load(byte[] kernel, GuestMemory? memory = null, byte[][]? ramdisks = null, byte[]? extra = null, bool decompress = true)
    {
        using EifImage image = EifImage.Load(Image(kernel, ramdisks ?? [First]));
        using GuestMemory? own = memory is null ? GuestMemory.Allocate(64 << 20) : null;
        return LinuxBoot.Load(image, memory ?? own!, Platform, "console=ttyS0", extra, decompress, _log);
    }

    private static byte[] Image(byte[] kernel, params byte[][] ramdisks)
    {
        EifBuilder builder = new EifBuilder().WithKernel(kernel).WithCommandLine("console=ttyS0");
        foreach (byte[] ramdisk in ramdisks)
            builder = builder.AddRamdisk(ramdisk);
        return builder.Build();
    }

    private static byte[] Elf() => TestKernels.Elf(KernelStart + 0x123, KernelStart, Code, memorySize: 0x10_0000, pvhEntry: KernelStart + 0x10);

    private static byte[] Kernel(byte[] elf, string format)
    {
        byte[] length = new byte[4];
        BinaryPrimitives.WriteInt32LittleEndian(length, elf.Length);
        byte[] payload = format switch
        {
            "gzip" => Gzip(elf),
            "zstd" => [.. Zstd(elf), .. length],
            _ => [.. elf, .. length],
        };
        byte[] kernel = TestKernels.BzImage(payload, KernelStart, KernelRoom, loadFlags: 3);
        BinaryPrimitives.WriteInt32LittleEndian(kernel.AsSpan(0x24C), payload.Length);
        return kernel;
    }

    private static byte[] Archive(string path, int length) => new CpioArchive().AddFile(path, RandomBytes(length)).Build();

    private static byte[] RandomBytes(int length)
    {
        byte[] bytes = new byte[length];
        new Random(length).NextBytes(bytes);
        return bytes;
    }

    private static byte[] Gzip(byte[] bytes)
    {
        var packed = new MemoryStream();
        using (var gzip = new GZipStream(packed, CompressionLevel.Optimal))
            gzip.Write(bytes);
        return packed.ToArray();
    }

    private static byte[] Zstd(byte[] bytes)
    {
        using var compressor = new Compressor();
        return compressor.Wrap(bytes).ToArray();
    }

    private static byte[] Initrd(GuestMemory memory, LoadedImage loaded)
    {
        ulong zeroPage = loaded.Entry.Registers.Rsi;
        return memory.GetSpan(new GuestAddress(Read<uint>(memory, zeroPage + 0x218)), (int)Read<uint>(memory, zeroPage + 0x21C)).ToArray();
    }

    private static T Read<T>(GuestMemory memory, ulong address)
        where T : unmanaged
    {
        memory.TryRead(new GuestAddress(address), out T value).Should().BeTrue();
        return value;
    }

    private sealed class Notes : ILogger
    {
        public string Text { get; private set; } = "";

        public IDisposable? BeginScope<TState>(TState state)
            where TState : notnull => null;

        public bool IsEnabled(LogLevel logLevel) => true;

        public void Log<TState>(LogLevel logLevel, EventId eventId, TState state, Exception? exception, Func<TState, Exception?, string> formatter) =>
            Text += formatter(state, exception) + "\n";
    }
}
