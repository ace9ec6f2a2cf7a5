using EnclaveTesting.Engine.Eif;

namespace EnclaveTesting;

/// <summary>Where an enclave's image comes from.</summary>
/// <param name="Description">For messages.</param>
/// <param name="FindProblem">What is wrong with it before it is read; null if nothing.</param>
/// <param name="OpenAsync">Reads it; the caller disposes it.</param>
internal sealed record EnclaveImageSource(string Description, Func<string?> FindProblem, Func<CancellationToken, Task<EifImage>> OpenAsync)
{
    /// <summary>A file; a relative path is looked for beside the test's binaries, then in the current directory.</summary>
    public static EnclaveImageSource FromFile(string path)
    {
        IReadOnlyList<string> candidates = TestFile.Candidates(path);
        return new EnclaveImageSource(
            path,
            () => TestFile.Find(path) is null ? $"There is no image {string.Join(" and no ", candidates)}." : null,
            _ => Task.FromResult(EifImage.Open(TestFile.Find(path) ?? candidates[0])));
    }

    /// <summary>Bytes in memory.</summary>
    public static EnclaveImageSource FromBytes(ReadOnlyMemory<byte> bytes) =>
        new($"an image of {bytes.Length} bytes", () => null, _ => Task.FromResult(EifImage.Load(bytes)));

    /// <summary>An image that is built when it is needed.</summary>
    public static EnclaveImageSource FromBuilder(EifBuilder builder) =>
        new("an image being built", () => null, _ => Task.FromResult(EifImage.Load(builder.Build())));

    /// <summary>An image that is made asynchronously; one that failed or was cancelled is tried again with the next enclave.</summary>
    public static EnclaveImageSource FromFunction(Func<CancellationToken, Task<EifBuilder>> make)
    {
        var turn = new SemaphoreSlim(1, 1);
        byte[]? bytes = null;
        return new EnclaveImageSource("an image being made", () => null, async token =>
        {
            await turn.WaitAsync(token).ConfigureAwait(false);
            try
            {
                bytes ??= (await make(token).WaitAsync(token).ConfigureAwait(false)).Build();
            }
            finally
            {
                turn.Release();
            }

            return EifImage.Load(bytes);
        });
    }

    /// <summary>A stream, which is read once and whole when the first enclave starts.</summary>
    public static EnclaveImageSource FromStream(Stream stream)
    {
        var bytes = new Lazy<Task<ReadOnlyMemory<byte>>>(async () =>
        {
            using var copy = new MemoryStream();
            await stream.CopyToAsync(copy).ConfigureAwait(false);
            return copy.GetBuffer().AsMemory(0, (int)copy.Length);
        });
        return new EnclaveImageSource("a stream", () => stream.CanRead ? null : "The image's stream cannot be read.",
            async token => EifImage.Load(await bytes.Value.WaitAsync(token).ConfigureAwait(false)));
    }
}
