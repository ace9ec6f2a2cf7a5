namespace EnclaveTesting.Benchmarks.Suite;

/// <summary>Which values are the better ones.</summary>
internal enum Better
{
    Less,
    More,
}
