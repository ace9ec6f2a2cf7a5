namespace EnclaveTesting.Engine.Memory;

/// <summary>Pages of a guest's RAM that lie elsewhere and can be read any number of times.</summary>
internal interface IPageSource : IDisposable
{
    /// <summary>Where the pages belong.</summary>
    IReadOnlyList<PageRun> Runs { get; }

    /// <summary>The same pages in the pieces in which they can be read, in ascending order.</summary>
    IReadOnlyList<PageRun> Pieces { get; }

    /// <summary>Reads a piece; on several threads at once.</summary>
    /// <param name="piece">Its number.</param>
    /// <param name="bytes">Takes it; as long as the piece is.</param>
    /// <exception cref="FormatException">It is not what was written there; whatever is in <paramref name="bytes"/> is of no use.</exception>
    /// <exception cref="IOException">It cannot be read.</exception>
    void Read(int piece, Span<byte> bytes);
}
