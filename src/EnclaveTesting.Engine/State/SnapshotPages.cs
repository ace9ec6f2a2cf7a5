using EnclaveTesting.Engine.Memory;
using Microsoft.Win32.SafeHandles;

namespace EnclaveTesting.Engine.State;

/// <summary>
/// The pages in the file of a saved machine, in pieces that each have a checksum. None of them reaches over a multiple of half a mebibyte of the
/// guest's RAM, so that the host can have threads fill huge pages side by side.
/// </summary>
internal sealed class SnapshotPages : IPageSource
{
    private const int PagesAtOnce = 128;

    private readonly string _path;
    private readonly SafeFileHandle _file;
    private readonly long _offset;
    private readonly List<PageRun> _pieces;

    /// <summary>Pages that begin at an offset of a file; takes over the file.</summary>
    public SnapshotPages(string path, SafeFileHandle file, long offset, IReadOnlyList<PageRun> runs)
    {
        _path = path;
        _file = file;
        _offset = offset;
        Runs = runs;
        _pieces = [.. runs.SelectMany(PiecesOf)];
    }

    /// <inheritdoc/>
    public IReadOnlyList<PageRun> Runs { get; }

    /// <inheritdoc/>
    public IReadOnlyList<PageRun> Pieces => _pieces;

    /// <summary>How many pieces a run has.</summary>
    public static int CountPieces(PageRun run) => ((run.End - 1) / PagesAtOnce) - (run.First / PagesAtOnce) + 1;

    /// <summary>The pieces of a run.</summary>
    public static IEnumerable<PageRun> PiecesOf(PageRun run)
    {
        for (int page = run.First, next; page < run.End; page = next)
        {
            next = Math.Min(run.End, (page / PagesAtOnce * PagesAtOnce) + PagesAtOnce);
            yield return new PageRun(page, next - page, run.Stored + (page - run.First));
        }
    }

    /// <inheritdoc/>
    /// <exception cref="StateFormatException">The piece is damaged, or the file has been cut short.</exception>
    public void Read(int piece, Span<byte> bytes)
    {
        // Each piece before it has its pages and a checksum.
        long at = _offset + (_pieces[piece].Stored * (long)MemoryLayout.PageSize) + (piece * (long)PartChecksum.Size);
        new SnapshotReader(_path, _file, at).ReadChecked(bytes);
    }

    /// <inheritdoc/>
    public void Dispose() => _file.Dispose();
}
