namespace EnclaveTesting.Engine.Memory;

/// <summary>Pages of a guest's RAM that lie side by side, in the machine and in what was kept of it.</summary>
/// <param name="First">Number of the first page in the guest's host mapping.</param>
/// <param name="Count">How many pages.</param>
/// <param name="Stored">Number of the first page where they are kept.</param>
internal readonly record struct PageRun(int First, int Count, int Stored)
{
    /// <summary>The number behind the last page.</summary>
    public int End => First + Count;
}
