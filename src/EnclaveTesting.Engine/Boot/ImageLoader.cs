using System.Buffers.Binary;
using EnclaveTesting.Engine.Boot.Decompression;
using EnclaveTesting.Engine.Eif;
using EnclaveTesting.Engine.Machine;
using EnclaveTesting.Engine.Memory;
using Microsoft.Extensions.Logging;

namespace EnclaveTesting.Engine.Boot;

/// <summary>
/// Puts an image's kernel and ramdisks into guest memory. The image is read once; while its bytes are measured on other threads they go
/// straight to their places, or are unpacked to them.
/// </summary>
internal sealed class ImageLoader(EifImage image, GuestMemory memory, ReadOnlyMemory<byte> extraInitrd, ILogger log)
{
    private const ulong PageMask = MemoryLayout.PageSize - 1;
    private const int PieceSize = 1 << 20;

    /// <summary>Loads.</summary>
    /// <param name="kernel">The image's kernel.</param>
    /// <param name="decompress">Whether to unpack what is packed.</param>
    /// <returns>The kernel as it is to be entered, and where the initrd is.</returns>
    public (IKernel Kernel, PlacedInitrd Initrd, EifMeasurements Measurements) Load(IKernel kernel, bool decompress)
    {
        long ramdisks = image.Ramdisks.Sum(ramdisk => (long)ramdisk.Length);
        // An uncompressed cpio archive must start at a multiple of four (init/initramfs.c); zeros between archives are skipped.
        long extraStart = extraInitrd.IsEmpty ? ramdisks : (ramdisks + 3) & ~3L;
        var initrd = new PlacedInitrd(0, (ulong)(extraStart + extraInitrd.Length));
        initrd = initrd with { Start = PlaceInitrd(kernel, initrd.Size) };

        using EifPass pass = image.BeginPass();
        IKernel loaded = kernel;
        if (!decompress || kernel is not BzImage { Payload: { } payload } packed)
            CopyKernel(kernel, pass);
        else if (UnpackKernel(packed, payload, pass) is { } ready)
            loaded = ready;
        else
            CopyKernelAgain(kernel);

        bool unpack = decompress && HasPackedRamdisk();
        if (unpack && UnpackRamdisks(kernel, pass) is { } unpacked)
            initrd = unpacked;
        else
            CopyRamdisks(initrd, extraStart, pass, again: unpack);
        return (loaded, initrd, image.Finish(pass));
    }

    private ulong PlaceInitrd(IKernel kernel, ulong size)
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

    private UnpackedKernel? UnpackKernel(BzImage kernel, (long Offset, long Length) payload, EifPass pass)
    {
        byte[] length = new byte[sizeof(uint)];
        image.Kernel.Read(payload.Offset + payload.Length - length.Length, length);
        var unpacker = new KernelUnpacker(kernel, memory);
        using var input = new CompressedInput(buffer => pass.Read(EifSectionType.Kernel, buffer));
        try
        {
            uint size = BinaryPrimitives.ReadUInt32LittleEndian(length);
            UnpackedKernel unpacked = unpacker.Unpack(payload, size, input);
            MicroVmLog.KernelUnpacked(log, image.Name, unpacker.Format!.Value, payload.Length, size);
            return unpacked;
        }
        catch (UnknownDataException exception)
        {
            unpacker.Undo();
            MicroVmLog.KernelNotUnpacked(log, image.Name, exception.Message);
            return null;
        }
        catch (CompressedDataException exception)
        {
            throw Damaged("The kernel", image.Kernel.Offset + exception.Position, exception, pass);
        }
    }

    private void CopyKernel(IKernel kernel, EifPass pass)
    {
        while (pass.MoveNext() && pass.Section == image.Kernel)
        {
            foreach (KernelPlacement placement in kernel.Placements)
            {
                long start = Math.Max(pass.Offset, placement.Source);
                long end = Math.Min(pass.Offset + pass.Chunk.Length, placement.Source + placement.Length);
                if (start < end)
                    memory.Write(placement.Target + (ulong)(start - placement.Source), pass.Chunk.Span[(int)(start - pass.Offset)..(int)(end - pass.Offset)]);
            }
        }
    }

    // When its bytes went by in a vain attempt to unpack them.
    private void CopyKernelAgain(IKernel kernel)
    {
        foreach (KernelPlacement placement in kernel.Placements)
        {
            for (long done = 0; done < placement.Length; done += PieceSize)
                image.Kernel.Read(placement.Source + done, memory.GetSpan(placement.Target + (ulong)done, (int)Math.Min(PieceSize, placement.Length - done)));
        }
    }

    private bool HasPackedRamdisk() =>
        image.Ramdisks.Any(ramdisk => RamdiskUnpacker.IsPacked(ramdisk.Length, (offset, buffer) => ramdisk.Read(offset, buffer)))
        || RamdiskUnpacker.IsPacked(extraInitrd.Length, (offset, buffer) => extraInitrd.Span.Slice((int)offset, buffer.Length).CopyTo(buffer));

    private PlacedInitrd? UnpackRamdisks(IKernel kernel, EifPass pass)
    {
        // While the kernel copies the files it needs the room twice; what is left over must do for the rest of its start.
        ulong start = AlignUp(kernel.End);
        ulong end = Math.Min(memory.Regions[0].End.Value, kernel.InitrdLimit & ~PageMask);
        int room = end <= start ? 0 : (int)((end - start) / 5 * 2);
        var unpacker = new RamdiskUnpacker(memory, new GuestAddress(start), room);
        using var input = new CompressedInput(buffer => pass.Read(EifSectionType.Ramdisk, buffer));
        int taken = 0;
        using var extra = new CompressedInput(buffer =>
        {
            int count = Math.Min(buffer.Length, extraInitrd.Length - taken);
            extraInitrd.Span.Slice(taken, count).CopyTo(buffer);
            taken += count;
            return count;
        });
        bool inExtra = false;
        try
        {
            unpacker.Unpack(input);
            inExtra = true;
            unpacker.Unpack(extra);
            MicroVmLog.RamdisksUnpacked(log, image.Name, unpacker.Unpacked, unpacker.Length);
            return new PlacedInitrd(start, (ulong)unpacker.Length);
        }
        catch (UnknownDataException exception)
        {
            unpacker.Undo();
            MicroVmLog.RamdisksNotUnpacked(log, image.Name, exception.Message);
            return null;
        }
        catch (CompressedDataException exception)
        {
            throw inExtra ? Damaged("The extra initrd", exception.Position, exception, pass) : Damaged("A ramdisk", FindRamdisk(exception.Position), exception, pass);
        }
    }

    private void CopyRamdisks(PlacedInitrd initrd, long extraStart, EifPass pass, bool again)
    {
        ulong next = initrd.Start;
        foreach (EifSection ramdisk in image.Ramdisks)
        {
            for (int done = 0; done < ramdisk.Length; done += PieceSize)
            {
                Span<byte> target = memory.GetSpan(new GuestAddress(next + (ulong)done), Math.Min(PieceSize, ramdisk.Length - done));
                if (again)
                    ramdisk.Read(done, target);
                else
                    pass.ReadExactly(EifSectionType.Ramdisk, target);
            }

            next += (ulong)ramdisk.Length;
        }

        // An initrd of no bytes may stand at the end of memory.
        if (!extraInitrd.IsEmpty)
            memory.Write(new GuestAddress(initrd.Start + (ulong)extraStart), extraInitrd.Span);
    }

    // The offset in the image of a byte of all ramdisks.
    private long FindRamdisk(long position)
    {
        foreach (EifSection ramdisk in image.Ramdisks)
        {
            if (position < ramdisk.Length || ramdisk == image.Ramdisks[^1])
                return ramdisk.Offset + position;
            position -= ramdisk.Length;
        }

        return position;
    }

    private EnclaveImageException Damaged(string what, long offset, CompressedDataException exception, EifPass pass)
    {
        // If the image was damaged after it was built, its checksum says so, and that is what its author has to know.
        image.Finish(pass);
        return new EnclaveImageException(
            $"{what} of {image.Name} is damaged at offset {offset} (0x{offset:x}): expected {exception.Expected}, found {exception.Found}. "
            + "A machine that is told not to decompress leaves it to the kernel.", exception);
    }

    private static ulong AlignUp(ulong value) => (value + PageMask) & ~PageMask;

    private static ulong ToMiB(ulong bytes) => (bytes + ((1UL << 20) - 1)) >> 20;
}
