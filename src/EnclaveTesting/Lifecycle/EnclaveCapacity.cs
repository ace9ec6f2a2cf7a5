using System.Globalization;

namespace EnclaveTesting;

/// <summary>
/// Limits what the enclaves of a process use together, so that test classes running in parallel queue instead of thrashing. First come, first
/// served; an enclave larger than the whole limit runs when it is alone.
/// </summary>
internal sealed class EnclaveCapacity(long cpus, long memory)
{
    /// <summary>Sets the process's limit of vCPUs.</summary>
    public const string CpusVariable = "ENCLAVE_MAX_CPUS";

    /// <summary>Sets the process's limit of guest memory in MiB.</summary>
    public const string MemoryVariable = "ENCLAVE_MAX_MEMORY";

    private readonly Lock _lock = new();
    private readonly LinkedList<Request> _waiting = new();
    private long _cpusUsed, _memoryUsed;

    /// <summary>The process's own: 8 vCPUs for each processor but at least 16, and four fifths of the memory there is.</summary>
    public static EnclaveCapacity Shared { get; } = new(
        FromEnvironment(CpusVariable) ?? Math.Max(16, 8L * Environment.ProcessorCount),
        (FromEnvironment(MemoryVariable) << 20) ?? GC.GetGCMemoryInfo().TotalAvailableMemoryBytes / 5 * 4);

    /// <summary>
    /// What a clone of memory this large counts for: it shares what it does not write. Its CPUs do not count: who makes clones works with them, not
    /// with their original, and would wait for himself.
    /// </summary>
    public static long MemoryOfClone(long memory) => memory / 8;

    /// <summary>How many vCPUs there are.</summary>
    public long Cpus => cpus;

    /// <summary>Waits until there is room.</summary>
    public async Task<Lease> AcquireAsync(long wantedCpus, long wantedMemory, CancellationToken cancellationToken)
    {
        var request = new Request(wantedCpus, wantedMemory);
        lock (_lock)
        {
            _waiting.AddLast(request);
            Admit();
        }

        try
        {
            await request.Admitted.Task.WaitAsync(cancellationToken).ConfigureAwait(false);
        }
        catch (OperationCanceledException)
        {
            lock (_lock)
            {
                // It may have been admitted while the caller gave up.
                if (_waiting.Remove(request))
                    Admit();
                else
                    Release(request);
            }

            throw;
        }

        return new Lease(this, request);
    }

    private static long? FromEnvironment(string variable) =>
        long.TryParse(Environment.GetEnvironmentVariable(variable), NumberStyles.None, CultureInfo.InvariantCulture, out long value) && value > 0 ? value : null;

    private void Admit()
    {
        while (_waiting.First is { Value: var next } && (_cpusUsed == 0 || (_cpusUsed + next.Cpus <= cpus && _memoryUsed + next.Memory <= memory)))
        {
            _waiting.RemoveFirst();
            _cpusUsed += next.Cpus;
            _memoryUsed += next.Memory;
            next.Admitted.SetResult();
        }
    }

    private void Release(Request request)
    {
        lock (_lock)
        {
            _cpusUsed -= request.Cpus;
            _memoryUsed -= request.Memory;
            Admit();
        }
    }

    /// <summary>What an enclave holds until it is disposed.</summary>
    internal sealed class Lease(EnclaveCapacity owner, Request request) : IDisposable
    {
        private int _disposed;

        public void Dispose()
        {
            if (Interlocked.Exchange(ref _disposed, 1) == 0)
                owner.Release(request);
        }
    }

    /// <summary>What an enclave asks for.</summary>
    internal sealed record Request(long Cpus, long Memory)
    {
        public TaskCompletionSource Admitted { get; } = new(TaskCreationOptions.RunContinuationsAsynchronously);

        // Two enclaves that ask for the same are still two.
        public bool Equals(Request? other) => ReferenceEquals(this, other);

        public override int GetHashCode() => System.Runtime.CompilerServices.RuntimeHelpers.GetHashCode(this);
    }
}
