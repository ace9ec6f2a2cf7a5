using System.Text;
using EnclaveTesting.Engine.Eif;
using EnclaveTesting.Engine.Machine;
using EnclaveTesting.Engine.Memory;

namespace EnclaveTesting.Engine.Boot;

/// <summary>
/// Puts an image into guest memory, ready to run: kernel, initrd, command line, boot data. The image is read once;
/// every byte goes straight to its place while it is measured.
/// </summary>
internal static class LinuxBoot
{
    private const ulong PageMask = MemoryLayout.PageSize - 1;
    private const ulong PagingEnabled = 1UL << 31, ProtectionEnabled = 1, NumericError = 1 << 5, ExtensionType = 1 << 4;
    private const ulong PhysicalAddressExtension = 1 << 5;
    private const ulong LongModeEnabled = 1 << 8, LongModeActive = 1 << 10;
    private const ulong FlagsAlwaysOne = 2;

    /// <summary>Loads the image.</summary>
    /// <param name="image">The image; not needed afterwards.</param>
    /// <param name="memory">The guest's RAM, zeroed.</param>
    /// <param name="machine">What the kernel is told of the machine.</param>
    /// <param name="commandLine">The complete command line.</param>
    /// <param name="extraInitrd">A ramdisk that follows the image's own; may be empty.</param>
    /// <exception cref="EnclaveImageException">The image cannot be booted, or not in this memory.</exception>
    /// <exception cref="EifFormatException">The image is damaged.</exception>
    public static LoadedImage Load(EifImage image, GuestMemory memory, PlatformDescription machine, string commandLine, ReadOnlyMemory<byte> extraInitrd)
    {
        if (image.Architecture != EifArchitecture.X86_64)
            throw new EnclaveImageException($"{image.Name} is built for {image.Architecture}; only x86_64 images can be booted.");

        IKernel kernel = ParseKernel(image);
        byte[] commandLineBytes = EncodeCommandLine(commandLine, kernel.MaximumCommandLine);
        long ramdisks = image.Ramdisks.Sum(ramdisk => (long)ramdisk.Length);
        // An uncompressed cpio archive must start at a multiple of four (init/initramfs.c); zeros between archives are skipped.
        long extraStart = extraInitrd.IsEmpty ? ramdisks : (ramdisks + 3) & ~3L;
        ulong initrdSize = (ulong)(extraStart + extraInitrd.Length);
        ulong initrd = PlaceInitrd(image, kernel, memory, initrdSize);

        // Where each ramdisk starts, by its section.
        var ramdiskTargets = new Dictionary<EifSection, ulong>();
        ulong next = initrd;
        foreach (EifSection ramdisk in image.Ramdisks)
        {
            ramdiskTargets[ramdisk] = next;
            next += (ulong)ramdisk.Length;
        }

        EifMeasurements measurements = image.Verify((section, offset, chunk) =>
        {
            if (section == image.Kernel)
                CopyKernel(kernel, memory, offset, chunk);
            else if (ramdiskTargets.TryGetValue(section, out ulong target))
                memory.Write(new GuestAddress(target + (ulong)offset), chunk);
        });
        memory.Write(new GuestAddress(initrd + (ulong)extraStart), extraInitrd.Span);

        Span<byte> line = memory.GetSpan(new GuestAddress(BootLayout.CommandLine), commandLineBytes.Length + 1);
        commandLineBytes.CopyTo(line);
        line[^1] = 0;
        MpTable.Write(memory, machine.Cpus);
        if (machine.Acpi)
            AcpiTables.Write(memory, machine);
        ulong rootPointer = machine.Acpi ? AcpiTables.RootPointer : 0;
        BootEntry entry = kernel.Entry == KernelEntry.Pvh
            ? PreparePvh(kernel, memory, initrd, initrdSize, rootPointer)
            : PrepareLinux64(kernel, memory, commandLineBytes.Length, initrd, initrdSize, rootPointer);
        return new LoadedImage(entry, measurements);
    }

    private static IKernel ParseKernel(EifImage image)
    {
        ReadOnlySpan<byte> file = image.Kernel.Data;
        if (BzImage.IsBzImage(file))
            return BzImage.Parse(file);
        if (ElfKernel.IsElf(file))
            return ElfKernel.Parse(file);
        string start = Convert.ToHexStringLower(file[..Math.Min(8, file.Length)]);
        throw new EnclaveImageException(
            $"The kernel of {image.Name} is neither a bzImage nor an ELF file ({file.Length} bytes, starting {(start.Length == 0 ? "nowhere" : start)}).");
    }

    private static byte[] EncodeCommandLine(string commandLine, int maximum)
    {
        byte[] bytes = Encoding.UTF8.GetBytes(commandLine);
        if (bytes.Length > maximum)
            throw new EnclaveImageException($"The command line has {bytes.Length} bytes; this kernel takes at most {maximum}: {commandLine}");
        if (bytes.Contains((byte)0))
            throw new EnclaveImageException("The command line contains a zero byte.");
        return bytes;
    }

    private static ulong PlaceInitrd(EifImage image, IKernel kernel, GuestMemory memory, ulong size)
    {
        ulong lowEnd = memory.Regions[0].End.Value;
        ulong needed = AlignUp(kernel.End) + AlignUp(size);
        if (needed > lowEnd)
        {
            throw new EnclaveImageException(lowEnd < MemoryLayout.DeviceHoleStart
                ? $"{image.Name} needs at least {ToMiB(needed)} MiB of memory (kernel up to 0x{kernel.End:x}, initrd {size} bytes); the guest has {ToMiB((ulong)memory.Size)} MiB."
                : $"{image.Name} does not fit below 3 GiB (kernel up to 0x{kernel.End:x}, initrd {size} bytes).");
        }

        ulong limit = Math.Min(lowEnd, kernel.InitrdLimit & ~PageMask);
        ulong start = (limit - size) & ~PageMask;
        if (size > limit || start < AlignUp(kernel.End))
            throw new EnclaveImageException($"The initrd of {image.Name} ({size} bytes) does not fit between the kernel's end 0x{kernel.End:x} and its limit 0x{kernel.InitrdLimit:x}.");
        return start;
    }

    private static void CopyKernel(IKernel kernel, GuestMemory memory, long offset, ReadOnlySpan<byte> chunk)
    {
        foreach (KernelPlacement placement in kernel.Placements)
        {
            long start = Math.Max(offset, placement.Source);
            long end = Math.Min(offset + chunk.Length, placement.Source + placement.Length);
            if (start < end)
                memory.Write(placement.Target + (ulong)(start - placement.Source), chunk[(int)(start - offset)..(int)(end - offset)]);
        }
    }

    private static BootEntry PreparePvh(IKernel kernel, GuestMemory memory, ulong initrd, ulong initrdSize, ulong rootPointer)
    {
        PvhStartInfo.Write(memory, initrd, initrdSize, rootPointer);
        CpuSystemRegisters system = FlatSegments(memory, SegmentRegister.Code32(BootLayout.CodeSelector)) with
        {
            Cr0 = ProtectionEnabled | ExtensionType,
        };
        return new BootEntry(new CpuRegisters { Rip = kernel.EntryAddress, Rbx = BootLayout.PvhStartInfo, Rflags = FlagsAlwaysOne }, system);
    }

    private static BootEntry PrepareLinux64(IKernel kernel, GuestMemory memory, int commandLine, ulong initrd, ulong initrdSize, ulong rootPointer)
    {
        BootParams.Write(memory, kernel, commandLine, initrd, initrdSize, rootPointer);
        CpuSystemRegisters system = FlatSegments(memory, SegmentRegister.Code64(BootLayout.CodeSelector)) with
        {
            Cr0 = ProtectionEnabled | ExtensionType | NumericError | PagingEnabled,
            Cr3 = PageTables.Write(memory),
            Cr4 = PhysicalAddressExtension,
            Efer = LongModeEnabled | LongModeActive,
        };
        var registers = new CpuRegisters
        {
            Rip = kernel.EntryAddress,
            Rsi = BootLayout.BootParams,
            Rsp = BootLayout.StackTop,
            Rbp = BootLayout.StackTop,
            Rflags = FlagsAlwaysOne,
        };
        return new BootEntry(registers, system);
    }

    private static CpuSystemRegisters FlatSegments(GuestMemory memory, SegmentRegister code)
    {
        // Null, null, code, data: the selectors of the Linux boot protocol; long-mode code is type 0xA, 32-bit code 0xC.
        ulong codeDescriptor = (code.Attributes & 0x2000) != 0 ? 0x00AF_9B00_0000_FFFFUL : 0x00CF_9B00_0000_FFFFUL;
        ReadOnlySpan<ulong> gdt = [0, 0, codeDescriptor, 0x00CF_9300_0000_FFFF];
        for (int i = 0; i < gdt.Length; i++)
            memory.Write(new GuestAddress(BootLayout.Gdt + ((ulong)i * sizeof(ulong))), gdt[i]);
        SegmentRegister data = SegmentRegister.Data(BootLayout.DataSelector);
        return new CpuSystemRegisters
        {
            Cs = code,
            Ds = data,
            Es = data,
            Fs = data,
            Gs = data,
            Ss = data,
            Tr = SegmentRegister.Tss(0),
            Ldtr = SegmentRegister.Unusable,
            Gdtr = new DescriptorTable(BootLayout.Gdt, (ushort)((gdt.Length * sizeof(ulong)) - 1)),
        };
    }

    private static ulong AlignUp(ulong value) => (value + PageMask) & ~PageMask;

    private static ulong ToMiB(ulong bytes) => (bytes + ((1UL << 20) - 1)) >> 20;
}
