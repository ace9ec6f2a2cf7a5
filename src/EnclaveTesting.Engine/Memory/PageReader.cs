using System.Runtime.ExceptionServices;

namespace EnclaveTesting.Engine.Memory;

/// <summary>Reads all pieces of a source on a few threads: most of the time that a restored machine takes to start goes here.</summary>
internal static class PageReader
{
    private const int MostReaders = 4;

    // Pages of a huge page: two threads that filled the same one would both have it made.
    private const int PagesTogether = (2 << 20) / (int)MemoryLayout.PageSize;

    /// <summary>Reads what a source has.</summary>
    /// <param name="pieces">The source's pieces.</param>
    /// <param name="read">Reads one of them; on several threads at once.</param>
    public static void ReadAll(IReadOnlyList<PageRun> pieces, Action<int> read)
    {
        IGrouping<int, int>[] together = [.. Enumerable.Range(0, pieces.Count).GroupBy(piece => pieces[piece].First / PagesTogether)];
        try
        {
            Parallel.ForEach(
                together,
                new ParallelOptions { MaxDegreeOfParallelism = Math.Min(Environment.ProcessorCount, MostReaders) },
                group =>
                {
                    foreach (int piece in group)
                        read(piece);
                });
        }
        catch (AggregateException exception)
        {
            ExceptionDispatchInfo.Throw(exception.InnerExceptions[0]);
        }
    }
}
