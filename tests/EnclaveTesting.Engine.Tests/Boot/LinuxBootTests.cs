using System.Buffers.Binary;
using System.Text;
using CsCheck;
using EnclaveTesting.Engine.Boot;
using EnclaveTesting.Engine.Eif;
using EnclaveTesting.Engine.Memory;

namespace EnclaveTesting.Engine.Tests.Boot;

public class LinuxBootTests
{
    private const string CommandLine = "console=ttyS0 reboot=k";
    private static readonly byte[] Code = [.. Enumerable.Range(0, 5000).Select(i => (byte)(i * 7))];
    private static readonly byte[] FirstRamdisk = [.. Enumerable.Range(0, 4099).Select(i => (byte)i)];
    private static readonly byte[] SecondRamdisk = [.. Enumerable.Range(0, 513).Select(i => (byte)(255 - i))];

    [Fact]
    public void A_bzImage_is_entered_in_long_mode_with_boot_params_in_rsi()
    {
        using GuestMemory memory = GuestMemory.Allocate(64 << 20);

        LoadedImage loaded = Load(TestKernels.BzImage(Code), memory);

        memory.GetSpan(new GuestAddress(0x100_0000), Code.Length).ToArray().Should().Equal(Code);
        loaded.Entry.Registers.Rip.Should().Be(0x100_0200);
        loaded.Entry.Registers.Rflags.Should().Be(2, "interrupts are off");
        ulong zeroPage = loaded.Entry.Registers.Rsi;
        Read<uint>(memory, zeroPage + 0x202).Should().Be(0x53726448, "the setup header came along");
        Read<byte>(memory, zeroPage + 0x210).Should().Be(0xFF);
        ReadText(memory, Read<uint>(memory, zeroPage + 0x228)).Should().Be(CommandLine);
        loaded.Entry.System.Efer.Should().Be(0x500);
        loaded.Entry.System.Cs.Selector.Should().Be(0x10);
        loaded.Entry.System.Ds.Selector.Should().Be(0x18);
        (loaded.Entry.System.Cr0 & 0x8000_0001).Should().Be(0x8000_0001);
        (loaded.Entry.System.Cr4 & 0x20).Should().Be(0x20);
    }

    [Theory]
    [InlineData(0)]
    [InlineData(BootEntropy.Size)]
    public void Random_bytes_are_the_only_setup_data(int count)
    {
        using GuestMemory memory = GuestMemory.Allocate(64 << 20);
        byte[] entropy = BootEntropy.Create(seed: 7)[..count];
        var platform = new PlatformDescription(Cpus: 1, VirtioDevices: 1, Acpi: false) { Entropy = entropy };

        LoadedImage loaded = Load(TestKernels.BzImage(Code), memory, platform: platform);

        ulong setupData = Read<ulong>(memory, loaded.Entry.Registers.Rsi + 0x250);
        (setupData == 0).Should().Be(count == 0);
        if (setupData == 0)
            return;
        Read<ulong>(memory, setupData).Should().Be(0, "nothing follows");
        Read<uint>(memory, setupData + 8).Should().Be(9, "SETUP_RNG_SEED");
        Read<int>(memory, setupData + 12).Should().Be(count);
        memory.GetSpan(new GuestAddress(setupData + 16), count).ToArray().Should().Equal(entropy);
    }

    [Fact]
    public void Random_bytes_follow_from_the_seed_or_from_nothing()
    {
        BootEntropy.Create(7).Should().HaveCount(BootEntropy.Size).And.Equal(BootEntropy.Create(7));
        BootEntropy.Create(7).Should().NotEqual(BootEntropy.Create(8));
        BootEntropy.Create(null).Should().HaveCount(BootEntropy.Size).And.NotEqual(BootEntropy.Create(null));
    }

    [Fact]
    public void The_initrd_is_all_ramdisks_in_order_and_the_extra_one_padded_to_four_bytes()
    {
        using GuestMemory memory = GuestMemory.Allocate(64 << 20);

        LoadedImage loaded = Load(TestKernels.BzImage(Code), memory, extraInitrd: [1, 2, 3]);

        ulong zeroPage = loaded.Entry.Registers.Rsi;
        uint start = Read<uint>(memory, zeroPage + 0x218);
        uint size = Read<uint>(memory, zeroPage + 0x21C);
        byte[] expected = [.. FirstRamdisk, .. SecondRamdisk, 1, 2, 3];
        (FirstRamdisk.Length + SecondRamdisk.Length).Should().Be(4612, "which needs no padding");
        size.Should().Be((uint)expected.Length);
        (start % 4096).Should().Be(0);
        (start + size).Should().BeLessThanOrEqualTo(64 << 20);
        memory.GetSpan(new GuestAddress(start), expected.Length).ToArray().Should().Equal(expected);
    }

    [Fact]
    public void An_initrd_of_no_bytes_is_none()
    {
        using GuestMemory memory = GuestMemory.Allocate(64 << 20);
        byte[] file = new EifBuilder().WithKernel(TestKernels.BzImage(Code)).WithCommandLine(CommandLine).AddRamdisk(ReadOnlyMemory<byte>.Empty).Build();
        using EifImage image = EifImage.Load(file);

        LoadedImage loaded = LinuxBoot.Load(image, memory, new PlatformDescription(Cpus: 1, VirtioDevices: 2, Acpi: false), CommandLine, default);

        Read<uint>(memory, loaded.Entry.Registers.Rsi + 0x21C).Should().Be(0);
    }

    [Fact]
    public void The_initrd_stays_below_the_kernels_limit()
    {
        using GuestMemory memory = GuestMemory.Allocate(64 << 20);

        LoadedImage loaded = Load(TestKernels.BzImage(Code, initrdMax: 0x2FF_FFFF), memory);

        uint start = Read<uint>(memory, loaded.Entry.Registers.Rsi + 0x218);
        start.Should().BeInRange(0x2F0_0000, 0x300_0000 - 4612);
    }

    [Fact]
    public void The_memory_map_leaves_out_the_mp_table_and_the_device_hole()
    {
        using GuestMemory memory = GuestMemory.Allocate(4L << 30);

        LoadedImage loaded = Load(TestKernels.BzImage(Code), memory);

        ulong zeroPage = loaded.Entry.Registers.Rsi;
        E820Entry[] map = [.. Enumerable.Range(0, Read<byte>(memory, zeroPage + 0x1E8)).Select(i => new E820Entry(
            Read<ulong>(memory, zeroPage + 0x2D0 + ((ulong)i * 20)),
            Read<ulong>(memory, zeroPage + 0x2D8 + ((ulong)i * 20)),
            Read<uint>(memory, zeroPage + 0x2E0 + ((ulong)i * 20))))];
        map.Should().Equal(
            new E820Entry(0, 0x9FC00, 1),
            new E820Entry(0x9FC00, 0x400, 2),
            new E820Entry(0xE0000, 0x20000, 2),
            new E820Entry(0x10_0000, 0xC000_0000 - 0x10_0000, 1),
            new E820Entry(0x1_0000_0000, 0x4000_0000, 1));
    }

    [Theory]
    [InlineData(false)]
    [InlineData(true)]
    public void Kernels_of_both_kinds_are_told_where_the_acpi_tables_are(bool acpi)
    {
        using GuestMemory memory = GuestMemory.Allocate(64 << 20);

        LoadedImage linux = Load(TestKernels.BzImage(Code), memory, acpi: acpi);
        LoadedImage pvh = Load(TestKernels.Elf(0x10_0000, 0x10_0000, Code, pvhEntry: 0x10_0010), memory, acpi: acpi);

        Read<ulong>(memory, linux.Entry.Registers.Rsi + 0x70).Should().Be(acpi ? 0xE0000UL : 0);
        Read<ulong>(memory, pvh.Entry.Registers.Rbx + 32).Should().Be(acpi ? 0xE0000UL : 0);
        Read<ulong>(memory, 0xE0000).Should().Be(acpi ? BitConverter.ToUInt64("RSD PTR "u8) : 0);
    }

    [Fact]
    public void The_page_tables_map_the_first_four_gibibytes_to_themselves()
    {
        using GuestMemory memory = GuestMemory.Allocate(64 << 20);

        LoadedImage loaded = Load(TestKernels.BzImage(Code), memory);

        foreach (ulong address in new ulong[] { 0, 0x7000, 0x100_0000, 0x3FFF_FFFF, 0x4000_0000, 0xFEE0_0020, 0xFFFF_FFFF })
        {
            ulong table = loaded.Entry.System.Cr3;
            table = Read<ulong>(memory, table + ((address >> 39 & 511) * 8)) & ~0xFFFUL;
            table = Read<ulong>(memory, table + ((address >> 30 & 511) * 8)) & ~0xFFFUL;
            ulong large = Read<ulong>(memory, table + ((address >> 21 & 511) * 8));
            (large & 0x83).Should().Be(0x83, "present, writable, 2 MiB");
            (large & ~0x1F_FFFFUL).Should().Be(address & ~0x1F_FFFFUL);
        }
    }

    [Fact]
    public void An_elf_kernel_with_a_pvh_note_is_entered_there_in_protected_mode()
    {
        using GuestMemory memory = GuestMemory.Allocate(32 << 20);

        LoadedImage loaded = Load(TestKernels.Elf(0x10_0000, 0x10_0000, Code, pvhEntry: 0x10_0010), memory);

        loaded.Entry.Registers.Rip.Should().Be(0x10_0010);
        loaded.Entry.System.Cr0.Should().Be(0x11, "protection on, paging off");
        loaded.Entry.System.Efer.Should().Be(0);
        ulong info = loaded.Entry.Registers.Rbx;
        Read<uint>(memory, info).Should().Be(0x336EC578);
        ReadText(memory, Read<ulong>(memory, info + 24)).Should().Be(CommandLine);
        ulong module = Read<ulong>(memory, info + 16);
        Read<ulong>(memory, module + 8).Should().Be((ulong)(FirstRamdisk.Length + SecondRamdisk.Length));
        memory.GetSpan(new GuestAddress(Read<ulong>(memory, module)), 16).ToArray().Should().Equal(FirstRamdisk[..16]);
        Read<uint>(memory, info + 48).Should().Be(4, "the memory map has four ranges");
        memory.GetSpan(new GuestAddress(0x10_0000), Code.Length).ToArray().Should().Equal(Code);
    }

    [Fact]
    public void An_elf_kernel_without_a_note_is_entered_in_long_mode()
    {
        using GuestMemory memory = GuestMemory.Allocate(32 << 20);

        LoadedImage loaded = Load(TestKernels.Elf(0x20_0123, 0x20_0000, Code, memorySize: 0x10000), memory);

        loaded.Entry.Registers.Rip.Should().Be(0x20_0123);
        loaded.Entry.System.Efer.Should().Be(0x500);
        Read<ushort>(memory, loaded.Entry.Registers.Rsi + 0x1FE).Should().Be(0xAA55);
    }

    [Fact]
    public void An_image_for_arm_is_refused_with_its_architecture()
    {
        Action load = () => Load(TestKernels.BzImage(Code), configure: builder => builder.WithArchitecture(EifArchitecture.Aarch64));

        load.Should().Throw<EnclaveImageException>().WithMessage("*Aarch64*x86_64*");
    }

    [Theory]
    [InlineData(0, "neither a bzImage nor an ELF file")]
    [InlineData(1, "no 64-bit entry")]
    [InlineData(2, "not little-endian 64-bit x86")]
    [InlineData(3, "does not fit below 3 GiB")]
    [InlineData(4, "below the first mebibyte")]
    [InlineData(5, "lies in no segment")]
    [InlineData(6, "lies outside the file")]
    [InlineData(7, "needs at least")]
    [InlineData(8, "preferred load address")]
    public void Kernels_that_cannot_be_booted_say_why(int which, string reason)
    {
        byte[] cutElf = TestKernels.Elf(0x10_0000, 0x10_0000, Code);
        byte[] otherMachine = TestKernels.Elf(0x10_0000, 0x10_0000, Code);
        otherMachine[18] = 183;
        byte[] kernel = which switch
        {
            0 => [.. "#!/bin/sh\n"u8],
            1 => TestKernels.BzImage(Code, loadFlags: 0),
            2 => otherMachine,
            3 => TestKernels.Elf(0x10_0000, 0x10_0000, Code, memorySize: 0xFFFF_FFFF_FFFF_0000),
            4 => TestKernels.Elf(0x7000, 0x7000, Code),
            5 => TestKernels.Elf(0x30_0000, 0x10_0000, Code),
            6 => cutElf[..^10],
            7 => TestKernels.BzImage(Code, initSize: 60 << 20),
            _ => TestKernels.BzImage(Code, preferred: 0x1000),
        };
        Action load = () => Load(kernel);

        load.Should().Throw<EnclaveImageException>().WithMessage($"*{reason}*");
    }

    [Fact]
    public void A_command_line_longer_than_the_kernel_takes_is_refused()
    {
        Action load = () => Load(TestKernels.BzImage(Code), commandLine: new string('x', 2048));

        load.Should().Throw<EnclaveImageException>().WithMessage("*2048 bytes*at most 2047*");
    }

    [Fact]
    public void No_damaged_kernel_header_gets_past_the_checks_by_another_exception()
    {
        byte[] bzImage = TestKernels.BzImage(Code);
        byte[] elf = TestKernels.Elf(0x10_0000, 0x10_0000, Code, pvhEntry: 0x10_0010);
        Gen.Select(Gen.Bool, Gen.Int[0, 0x26F], Gen.ULong, Gen.Int[1, 8]).Sample(
            (useElf, offset, value, size) =>
            {
                byte[] kernel = [.. useElf ? elf : bzImage];
                Span<byte> bytes = stackalloc byte[8];
                BinaryPrimitives.WriteUInt64LittleEndian(bytes, value);
                bytes[..size].CopyTo(kernel.AsSpan(useElf ? offset % 200 : offset));
                try
                {
                    Load(kernel);
                }
                catch (EnclaveImageException)
                {
                    // The one way to say no.
                }
            },
            iter: 2000);
    }

    private static LoadedImage Load(byte[] kernel, GuestMemory? memory = null, string commandLine = CommandLine, byte[]? extraInitrd = null, bool acpi = false, Func<EifBuilder, EifBuilder>? configure = null, PlatformDescription? platform = null)
    {
        EifBuilder builder = new EifBuilder().WithKernel(kernel).WithCommandLine(CommandLine).AddRamdisk(FirstRamdisk).AddRamdisk(SecondRamdisk);
        using EifImage image = EifImage.Load((configure?.Invoke(builder) ?? builder).Build());
        using GuestMemory? own = memory is null ? GuestMemory.Allocate(32 << 20) : null;
        return LinuxBoot.Load(image, memory ?? own!, platform ?? new PlatformDescription(Cpus: 2, VirtioDevices: 2, acpi), commandLine, extraInitrd);
    }

    private static T Read<T>(GuestMemory memory, ulong address)
        where T : unmanaged
    {
        memory.TryRead(new GuestAddress(address), out T value).Should().BeTrue();
        return value;
    }

    private static string ReadText(GuestMemory memory, ulong address)
    {
        Span<byte> text = memory.GetSpan(new GuestAddress(address), 4096);
        return Encoding.UTF8.GetString(text[..text.IndexOf((byte)0)]);
    }
}
