using System.Text;
using EnclaveTesting.Engine.Eif;
using EnclaveTesting.Engine.Machine;
using EnclaveTesting.Engine.Memory;
using Microsoft.Extensions.Logging;
using Microsoft.Extensions.Logging.Abstractions;

namespace EnclaveTesting.Engine.Boot;

/// <summary>
/// Puts an image into guest memory, ready to run: kernel, initrd, command line, boot data.
/// </summary>
internal static class LinuxBoot
{
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
    /// <param name="decompress">Whether kernel and ramdisks are unpacked here instead of by the guest.</param>
    /// <param name="log">Told what was unpacked and what was not.</param>
    /// <exception cref="EnclaveImageException">The image cannot be booted, or not in this memory.</exception>
    /// <exception cref="EifFormatException">The image is damaged.</exception>
    public static LoadedImage Load(
        EifImage image, GuestMemory memory, PlatformDescription machine, string commandLine, ReadOnlyMemory<byte> extraInitrd, bool decompress = false, ILogger? log = null)
    {
        if (image.Architecture != EifArchitecture.X86_64)
            throw new EnclaveImageException($"{image.Name} is built for {image.Architecture}; only x86_64 images can be booted.");

        IKernel kernel = ParseKernel(image);
        byte[] commandLineBytes = EncodeCommandLine(commandLine, kernel.MaximumCommandLine);
        (kernel, PlacedInitrd initrd, EifMeasurements measurements) = new ImageLoader(image, memory, extraInitrd, log ?? NullLogger.Instance).Load(kernel, decompress);

        Span<byte> line = memory.GetSpan(new GuestAddress(BootLayout.CommandLine), commandLineBytes.Length + 1);
        commandLineBytes.CopyTo(line);
        line[^1] = 0;
        MpTable.Write(memory, machine.Cpus);
        ulong rootPointer = machine.Acpi || machine.GenerationId ? AcpiTables.Write(memory, machine) : 0;
        BootEntry entry = kernel.Entry == KernelEntry.Pvh
            ? PreparePvh(kernel, memory, initrd.Start, initrd.Size, rootPointer)
            : PrepareLinux64(kernel, memory, commandLineBytes.Length, initrd.Start, initrd.Size, rootPointer, machine.Entropy.Span);
        return new LoadedImage(entry, measurements);
    }

    private static IKernel ParseKernel(EifImage image)
    {
        // A bzImage is known by its first bytes; the whole file goes by only once, when it is loaded.
        byte[] start = new byte[Math.Min(image.Kernel.Length, BzImage.HeaderSize)];
        image.Kernel.Read(0, start);
        if (BzImage.IsBzImage(start))
            return BzImage.Parse(start, image.Kernel.Length);
        if (ElfKernel.IsElf(start))
            return ElfKernel.Parse(image.Kernel.Data);
        string shown = Convert.ToHexStringLower(start.AsSpan(0, Math.Min(8, start.Length)));
        throw new EnclaveImageException(
            $"The kernel of {image.Name} is neither a bzImage nor an ELF file ({image.Kernel.Length} bytes, starting {(shown.Length == 0 ? "nowhere" : shown)}).");
    }

    private static byte[] EncodeCommandLine(string commandLine, int maximum)
    {
        byte[] bytes = Encoding.UTF8.GetBytes(commandLine);
        if (bytes.Length > maximum)
            throw new EnclaveImageException($"The command line has {bytes.Length} bytes; this kernel takes at most {maximum}: {Shorten(commandLine)}");
        if (bytes.Contains((byte)0))
            throw new EnclaveImageException("The command line contains a zero byte.");
        return bytes;
    }

    private static string Shorten(string commandLine)
    {
        const int shown = 200;
        return commandLine.Length <= shown ? commandLine : commandLine[..shown] + "...";
    }

    private static BootEntry PreparePvh(IKernel kernel, GuestMemory memory, ulong initrd, ulong initrdSize, ulong rootPointer)
    {
        PvhStartInfo.Write(memory, initrd, initrdSize, rootPointer);
        CpuSystemRegisters system = FlatMode.Segments(memory, SegmentRegister.Code32(BootLayout.CodeSelector)) with
        {
            Cr0 = ProtectionEnabled | ExtensionType,
        };
        return new BootEntry(new CpuRegisters { Rip = kernel.EntryAddress, Rbx = BootLayout.PvhStartInfo, Rflags = FlagsAlwaysOne }, system);
    }

    private static BootEntry PrepareLinux64(
        IKernel kernel, GuestMemory memory, int commandLine, ulong initrd, ulong initrdSize, ulong rootPointer, ReadOnlySpan<byte> entropy)
    {
        ulong setupData = entropy.IsEmpty ? 0 : BootEntropy.Write(memory, entropy);
        BootParams.Write(memory, kernel, commandLine, initrd, initrdSize, rootPointer, setupData);
        CpuSystemRegisters system = FlatMode.Segments(memory, SegmentRegister.Code64(BootLayout.CodeSelector)) with
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
}
