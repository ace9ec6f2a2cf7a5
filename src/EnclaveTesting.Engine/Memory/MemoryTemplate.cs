using System.Buffers;

namespace EnclaveTesting.Engine.Memory;

/// <summary>
/// Pages of a guest's RAM that never change, for any number of guests to begin with. On Linux they lie in a file without a name in memory,
/// which guests map copy-on-write; elsewhere each guest gets a copy. Shared: lives until the last user has released it.
/// </summary>
internal sealed unsafe class MemoryTemplate : IDisposable
{
    // Runs that are nearer to each other become one: each run is a mapping of its own, of which a process has some ten thousand.
    private const int SmallestGap = 16, MaximumRuns = 256;

    private readonly MemoryFile? _file;
    private readonly HostMapping? _copy;
    private int _users = 1;

    private MemoryTemplate(IReadOnlyList<PageRun> runs, bool shared)
    {
        Runs = runs;
        Pages = runs.Count == 0 ? 0 : runs[^1].Stored + runs[^1].Count;
        long bytes = Pages * (long)MemoryLayout.PageSize;
        _file = shared && bytes > 0 ? MemoryFile.TryCreate(bytes) : null;
        if (_file is null && bytes > 0)
            _copy = HostMapping.Create(bytes);
    }

    /// <summary>Where the pages belong.</summary>
    public IReadOnlyList<PageRun> Runs { get; }

    /// <summary>How many pages there are.</summary>
    public int Pages { get; }

    /// <summary>Whether guests share the pages that they do not write.</summary>
    public bool IsShared => _file is not null;

    /// <summary>Makes one of pages of a guest.</summary>
    /// <param name="memory">The guest's RAM.</param>
    /// <param name="isNeeded">Which of its pages to take; the others are zero in every guest that begins with it.</param>
    /// <param name="shared">False makes each guest copy the pages, as on hosts that cannot share.</param>
    public static MemoryTemplate Take(byte* memory, ReadOnlySpan<bool> isNeeded, bool shared)
    {
        var template = new MemoryTemplate(FindRuns(isNeeded), shared);
        foreach (PageRun run in template.Runs)
        {
            // Zero pages inside a run stay holes.
            for (int page = run.First; page < run.End;)
            {
                int start = page;
                while (page < run.End && isNeeded[page])
                    page++;
                if (page > start)
                    template.Write(run.Stored + (start - run.First), new ReadOnlySpan<byte>(memory + Offset(start), checked((int)Offset(page - start))));
                else
                    page++;
            }
        }

        return template;
    }

    /// <summary>Makes one of pages that lie elsewhere.</summary>
    /// <inheritdoc cref="IPageSource.Read" path="/exception"/>
    public static MemoryTemplate Read(IPageSource source, bool shared = true)
    {
        var template = new MemoryTemplate(source.Runs, shared);
        try
        {
            PageReader.ReadAll(source.Pieces, piece => template.Read(source, piece));
            return template;
        }
        catch
        {
            template.Dispose();
            throw;
        }
    }

    /// <summary>Groups pages into runs.</summary>
    public static IReadOnlyList<PageRun> FindRuns(ReadOnlySpan<bool> isNeeded)
    {
        for (int gap = SmallestGap; ; gap *= 2)
        {
            List<PageRun> runs = FindRuns(isNeeded, gap);
            if (runs.Count <= MaximumRuns)
                return runs;
        }
    }

    /// <summary>Puts the pages into a mapping, shared where that is possible; what the mapping had there is gone.</summary>
    public void MapInto(HostMapping target)
    {
        foreach (PageRun run in Runs)
        {
            if (_file is not null)
                target.MapCopyOnWrite(_file, Offset(run.Stored), Offset(run.First), Offset(run.Count));
            else
                new ReadOnlySpan<byte>(_copy!.Pointer + Offset(run.Stored), checked((int)Offset(run.Count)))
                    .CopyTo(new Span<byte>(target.Pointer + Offset(run.First), checked((int)Offset(run.Count))));
        }
    }

    /// <summary>The pages of a guest's RAM that are none of these, from the first to the one behind the last of each stretch.</summary>
    /// <param name="pages">How many pages the RAM has.</param>
    public IEnumerable<(int First, int End)> Others(int pages)
    {
        int end = 0;
        foreach (PageRun run in Runs)
        {
            yield return (end, run.First);
            end = run.End;
        }

        yield return (end, pages);
    }

    /// <summary>Another user, who disposes it too.</summary>
    /// <exception cref="ObjectDisposedException">The last user has released it meanwhile.</exception>
    public MemoryTemplate Share()
    {
        int users;
        do
        {
            users = Volatile.Read(ref _users);
            ObjectDisposedException.ThrowIf(users == 0, this);
        }
        while (Interlocked.CompareExchange(ref _users, users + 1, users) != users);

        return this;
    }

    /// <inheritdoc/>
    public void Dispose()
    {
        if (Interlocked.Decrement(ref _users) != 0)
            return;
        _file?.Dispose();
        _copy?.Dispose();
    }

    // Before any guest uses them.
    private void Read(IPageSource source, int piece)
    {
        PageRun pages = source.Pieces[piece];
        int length = checked((int)Offset(pages.Count));
        if (_file is null)
        {
            source.Read(piece, new Span<byte>(_copy!.Pointer + Offset(pages.Stored), length));
            return;
        }

        byte[] buffer = ArrayPool<byte>.Shared.Rent(length);
        source.Read(piece, buffer.AsSpan(0, length));
        _file.Write(Offset(pages.Stored), buffer.AsSpan(0, length));
        ArrayPool<byte>.Shared.Return(buffer);
    }

    private void Write(int storedPage, ReadOnlySpan<byte> bytes)
    {
        if (_file is not null)
            _file.Write(Offset(storedPage), bytes);
        else
            bytes.CopyTo(new Span<byte>(_copy!.Pointer + Offset(storedPage), bytes.Length));
    }

    private static List<PageRun> FindRuns(ReadOnlySpan<bool> isNeeded, int gap)
    {
        var runs = new List<PageRun>();
        int stored = 0;
        for (int page = 0; page < isNeeded.Length;)
        {
            int distance = isNeeded[page..].IndexOf(true);
            if (distance < 0)
                break;
            int first = page + distance, end = first;
            while (end < isNeeded.Length)
            {
                int next = isNeeded[end..].IndexOf(false);
                end = next < 0 ? isNeeded.Length : end + next;
                int hole = end == isNeeded.Length ? -1 : isNeeded[end..].IndexOf(true);
                if (hole < 0 || hole >= gap)
                    break;
                end += hole;
            }

            // A span's length is an int.
            end = Math.Min(end, first + (int.MaxValue / (int)MemoryLayout.PageSize));
            runs.Add(new PageRun(first, end - first, stored));
            stored += end - first;
            page = end;
        }

        return runs;
    }

    private static long Offset(int page) => page * (long)MemoryLayout.PageSize;
}
