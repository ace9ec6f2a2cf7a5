using System.Runtime.CompilerServices;
using System.Runtime.InteropServices;

namespace EnclaveTesting.Engine.Memory;

/// <summary>
/// A guest's RAM: one host mapping, seen through checked views. Every address and length is taken as hostile.
/// Views must not outlive the object: the machine disposes it last, after every thread that may touch it has ended.
/// </summary>
internal sealed unsafe class GuestMemory : IDisposable
{
    /// <summary>The smallest memory a guest can have, in bytes: the first mebibyte and one more.</summary>
    public const long MinimumSize = 2 * 1024 * 1024;

    // Pages that are cheaper to copy with each clone than to make a new template for: 4 MiB.
    private const int SmallDifference = 1024;

    private const int PageBytes = (int)MemoryLayout.PageSize;

    private readonly HostMapping _mapping;
    private readonly byte* _base;
    private readonly ulong _lowSize;
    private readonly ulong _highSize;
    private MemoryTemplate? _template;

    private GuestMemory(long size)
    {
        Size = size;
        _lowSize = Math.Min((ulong)size, MemoryLayout.DeviceHoleStart);
        _highSize = (ulong)size - _lowSize;
        var low = new MemoryRegion(new GuestAddress(0), _lowSize, 0);
        Regions = _highSize == 0
            ? [low]
            : [low, new MemoryRegion(new GuestAddress(MemoryLayout.FourGiB), _highSize, _lowSize)];
        _mapping = HostMapping.Create(size);
        _base = _mapping.Pointer;
    }

    /// <summary>Size in bytes.</summary>
    public long Size { get; }

    /// <summary>The RAM regions in address order: one, or two when the memory reaches past the device hole.</summary>
    public IReadOnlyList<MemoryRegion> Regions { get; }

    /// <summary>
    /// Told the offset in the host mapping and the length of what a device has written, for an accelerator that keeps decoded code;
    /// on the writer's thread.
    /// </summary>
    public Action<ulong, ulong>? WrittenByDevice { get; set; }

    /// <summary>The host mapping's first byte; for accelerators only. Valid until disposal.</summary>
    public byte* HostBase => _base;

    /// <summary>Allocates zeroed RAM; pages cost nothing until they are touched.</summary>
    /// <param name="size">Bytes; a multiple of 4096, at least <see cref="MinimumSize"/>.</param>
    /// <exception cref="GuestMemoryException">The size is no such multiple, too small, or more than the host can map.</exception>
    public static GuestMemory Allocate(long size)
    {
        if (size < MinimumSize)
            throw new GuestMemoryException($"A guest needs at least {MinimumSize} bytes of memory; {size} were asked for.");
        if (size % (long)MemoryLayout.PageSize != 0)
            throw new GuestMemoryException($"Guest memory is sized in pages of {MemoryLayout.PageSize} bytes; {size} bytes were asked for.");
        CheckAvailable(size);
        return new GuestMemory(size);
    }

    /// <summary>RAM that begins with saved pages; takes over the template.</summary>
    /// <param name="size">Bytes, as they were allowed when the pages were saved.</param>
    /// <param name="template">The pages it begins with.</param>
    /// <param name="changed">The pages that differ from those.</param>
    /// <param name="bytes">What these hold.</param>
    /// <exception cref="GuestMemoryException">The size is more than the host has, or the host refuses.</exception>
    public static GuestMemory FromTemplate(long size, MemoryTemplate template, ReadOnlySpan<int> changed, ReadOnlySpan<byte> bytes)
    {
        GuestMemory? memory = null;
        try
        {
            CheckAvailable(size);
            memory = new GuestMemory(size);
            template.MapInto(memory._mapping);
        }
        catch
        {
            memory?.Dispose();
            template.Dispose();
            throw;
        }

        memory._template = template;
        for (int i = 0; i < changed.Length; i++)
            bytes.Slice(i * PageBytes, PageBytes).CopyTo(memory.Page(changed[i]));
        return memory;
    }

    /// <summary>RAM of its own that begins with pages that lie elsewhere.</summary>
    /// <param name="size">Bytes, as they were allowed when the pages were saved.</param>
    /// <param name="source">The pages; stays the caller's.</param>
    /// <exception cref="GuestMemoryException">The size is more than the host has, or the host refuses.</exception>
    /// <inheritdoc cref="IPageSource.Read" path="/exception"/>
    public static GuestMemory Read(long size, IPageSource source)
    {
        CheckAvailable(size);
        var memory = new GuestMemory(size);
        try
        {
            PageReader.ReadAll(source.Pieces, piece => source.Read(piece, memory.WritablePages(source.Pieces[piece].First, source.Pieces[piece].Count)));
            return memory;
        }
        catch
        {
            memory.Dispose();
            throw;
        }
    }

    /// <summary>
    /// Keeps what the RAM holds now, while nobody writes there. Where the host can share pages the RAM itself goes on with the image's,
    /// so that the next image is only what was written since.
    /// </summary>
    /// <param name="shared">False does without what only Linux has: pages that are shared, and tables that tell which ones were written.</param>
    public MemoryImage Capture(bool shared = true)
    {
        bool[] pages = new bool[(int)(Size / PageBytes)];
        bool known = shared && HostPages.TryFindOwn(_base, pages);
        if (!known)
            pages.AsSpan().Fill(true);
        if (_template is { IsShared: true } template && known)
        {
            // Where the template has nothing, a page of zeroes is as it was.
            foreach ((int first, int end) in template.Others(pages.Length))
                KeepUsed(pages, first, end);
            int changed = pages.AsSpan().Count(true);
            if (changed <= Math.Max(SmallDifference, template.Pages / 4))
                return CaptureDifference(template, pages, changed);
        }

        KeepUsed(pages);
        MemoryTemplate taken = MemoryTemplate.Take(_base, pages, shared);
        if (taken.IsShared)
        {
            taken.MapInto(_mapping);
            // The host had whole huge pages for them, which the next image would have to look through.
            foreach ((int first, int end) in taken.Others(pages.Length))
                _mapping.Discard(first * (long)PageBytes, (end - first) * (long)PageBytes);
            _template?.Dispose();
            _template = taken.Share();
        }

        return new MemoryImage(Size, taken, [], []);
    }

    /// <summary>The pages that hold anything but zeroes.</summary>
    public bool[] FindUsedPages()
    {
        bool[] pages = new bool[(int)(Size / PageBytes)];
        HostPages.TryFindOwn(_base, pages);
        KeepUsed(pages);
        return pages;
    }

    /// <summary>Some pages, by number in the host mapping.</summary>
    public ReadOnlySpan<byte> Pages(int first, int count) => WritablePages(first, count);

    /// <summary>Whether all of the range is RAM, in one region.</summary>
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public bool Contains(GuestAddress address, ulong length) => TryTranslate(address.Value, length, out _);

    /// <summary>A view of a range of RAM, or false when any byte of it is not RAM.</summary>
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public bool TryGetSpan(GuestAddress address, ulong length, out Span<byte> span)
    {
        if (length <= int.MaxValue && TryTranslate(address.Value, length, out ulong offset))
        {
            span = new Span<byte>(_base + offset, (int)length);
            return true;
        }

        span = default;
        return false;
    }

    /// <summary>A view of a range of RAM.</summary>
    /// <exception cref="GuestMemoryException">Some byte of the range is not RAM.</exception>
    public Span<byte> GetSpan(GuestAddress address, int length)
    {
        if (length >= 0 && TryGetSpan(address, (ulong)length, out Span<byte> span))
            return span;
        throw new GuestMemoryException($"{length} bytes at {address} are not all guest RAM (memory size {Size} bytes).");
    }

    /// <summary>Reads a little-endian value; false when it is not all RAM.</summary>
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public bool TryRead<T>(GuestAddress address, out T value)
        where T : unmanaged
    {
        if (TryTranslate(address.Value, (ulong)sizeof(T), out ulong offset))
        {
            value = Unsafe.ReadUnaligned<T>(_base + offset);
            return true;
        }

        value = default;
        return false;
    }

    /// <summary>Writes a little-endian value; false, and nothing written, when it is not all RAM.</summary>
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public bool TryWrite<T>(GuestAddress address, T value)
        where T : unmanaged
    {
        if (!TryTranslate(address.Value, (ulong)sizeof(T), out ulong offset))
            return false;
        Unsafe.WriteUnaligned(_base + offset, value);
        return true;
    }

    /// <summary>Writes a little-endian value for a device; false, and nothing written, when it is not all RAM.</summary>
    public bool TryWriteByDevice<T>(GuestAddress address, T value)
        where T : unmanaged
    {
        if (!TryWrite(address, value))
            return false;
        NoteWrittenByDevice(address, (ulong)sizeof(T));
        return true;
    }

    /// <summary>Says that a device has written into a view.</summary>
    public void NoteWrittenByDevice(GuestAddress address, ulong length)
    {
        if (WrittenByDevice is { } told && TryTranslate(address.Value, length, out ulong offset))
            told(offset, length);
    }

    /// <summary>Copies bytes into RAM.</summary>
    /// <exception cref="GuestMemoryException">Some byte of the target is not RAM.</exception>
    public void Write(GuestAddress address, ReadOnlySpan<byte> bytes) => bytes.CopyTo(GetSpan(address, bytes.Length));

    /// <summary>Writes a structure in the host's (little-endian) layout.</summary>
    /// <exception cref="GuestMemoryException">Some byte of the target is not RAM.</exception>
    public void Write<T>(GuestAddress address, in T value)
        where T : unmanaged => MemoryMarshal.Write(GetSpan(address, sizeof(T)), in value);

    /// <summary>The offset into the host mapping of a range that is all RAM in one region.</summary>
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public bool TryTranslate(ulong address, ulong length, out ulong offset)
    {
        if (address < _lowSize)
        {
            offset = address;
            return length <= _lowSize - address;
        }

        ulong high = address - MemoryLayout.FourGiB;
        offset = _lowSize + high;
        return address >= MemoryLayout.FourGiB && high < _highSize && length <= _highSize - high;
    }

    /// <inheritdoc/>
    public void Dispose()
    {
        _mapping.Dispose();
        Interlocked.Exchange(ref _template, null)?.Dispose();
    }

    private static void CheckAvailable(long size)
    {
        long available = GC.GetGCMemoryInfo().TotalAvailableMemoryBytes;
        if (size > available)
            throw new GuestMemoryException($"The guest's memory of {size} bytes is larger than what this host has available ({available} bytes).");
    }

    private MemoryImage CaptureDifference(MemoryTemplate template, bool[] pages, int count)
    {
        int[] changed = new int[count];
        byte[] bytes = GC.AllocateUninitializedArray<byte>(count * PageBytes);
        int done = 0;
        for (int page = 0; page < pages.Length; page++)
        {
            if (!pages[page])
                continue;
            Page(page).CopyTo(bytes.AsSpan(done * PageBytes));
            changed[done++] = page;
        }

        return new MemoryImage(Size, template.Share(), changed, bytes);
    }

    // Of the host's own pages and of those from the template.
    private void KeepUsed(bool[] pages)
    {
        foreach (PageRun run in _template?.Runs ?? [])
            pages.AsSpan(run.First, run.Count).Fill(true);
        KeepUsed(pages, 0, pages.Length);
    }

    private void KeepUsed(bool[] pages, int first, int end)
    {
        for (int page = first; page < end; page++)
            pages[page] = pages[page] && Page(page).ContainsAnyExcept((byte)0);
    }

    private Span<byte> WritablePages(int first, int count)
    {
        ArgumentOutOfRangeException.ThrowIfNegative(first);
        ArgumentOutOfRangeException.ThrowIfGreaterThan(first + (long)count, Size / PageBytes, nameof(count));
        return new Span<byte>(_base + (first * (long)PageBytes), checked(count * PageBytes));
    }

    private Span<byte> Page(int number) => new(_base + (number * (long)PageBytes), PageBytes);
}
