namespace EnclaveTesting;

/// <summary>The clones of one test, of whatever fixtures it has.</summary>
internal sealed class IsolatedEnclaves : IAsyncDisposable
{
    private readonly List<(EnclaveFixtureBase Fixture, Enclave Clone)> _clones = [];

    /// <summary>Makes them.</summary>
    public static async Task<IsolatedEnclaves> CreateAsync(IEnumerable<EnclaveFixtureBase> fixtures)
    {
        var clones = new IsolatedEnclaves();
        try
        {
            foreach (EnclaveFixtureBase fixture in fixtures)
                clones._clones.Add((fixture, await fixture.CloneForTestAsync().ConfigureAwait(false)));
            return clones;
        }
        catch
        {
            await clones.DisposeAsync().ConfigureAwait(false);
            throw;
        }
    }

    /// <summary>From here on, in this execution context, the fixtures show their clones.</summary>
    public void Enter()
    {
        foreach ((EnclaveFixtureBase fixture, Enclave clone) in _clones)
            fixture.Show(clone);
    }

    /// <summary>From here on, in this execution context, the fixtures show their own enclaves.</summary>
    public void Leave()
    {
        foreach ((EnclaveFixtureBase fixture, _) in _clones)
            fixture.Show(null);
    }

    /// <inheritdoc/>
    public async ValueTask DisposeAsync()
    {
        foreach ((_, Enclave clone) in _clones)
            await clone.DisposeAsync().ConfigureAwait(false);
    }
}
