namespace EnclaveTesting.Engine.Accelerators.Software.Cpu.Translation;

/// <summary>
/// The translations of all machines in the process, by the bytes they were made of, and the thread that makes them. While there are
/// machines the newest few thousand are kept; after the last machine the thread ends and the collector may have them. Thread-safe.
/// </summary>
internal sealed class TranslationCache
{
    private const int MaximumTranslations = 4096, MaximumRequests = 1024;

    // A Monitor, since the thread waits on it.
    private readonly object _lock = new();
    private readonly WeakReference<Store> _remembered = new(new Store());
    private readonly Queue<TranslationRequest> _requests = new();
    private Store? _store;
    private Thread? _thread;
    private int _machines;
    private long _failures;

    private TranslationCache()
    {
    }

    /// <summary>The process's one.</summary>
    public static TranslationCache Shared { get; } = new();

    /// <summary>Translations that are remembered now.</summary>
    public int Count
    {
        get
        {
            lock (_lock)
                return _store?.Translations.Count ?? 0;
        }
    }

    /// <summary>Regions that could not be translated: a mistake here, since there is nothing that cannot be.</summary>
    public long Failures => Interlocked.Read(ref _failures);

    /// <summary>A machine begins.</summary>
    public void Join()
    {
        lock (_lock)
        {
            if (_machines++ > 0)
                return;
            if (!_remembered.TryGetTarget(out _store))
                _remembered.SetTarget(_store = new Store());
        }
    }

    /// <summary>A machine has ended.</summary>
    public void Leave()
    {
        lock (_lock)
        {
            if (--_machines > 0)
                return;
            _store = null;
            _requests.Clear();
            Monitor.Pulse(_lock);
        }
    }

    /// <summary>Has a region translated on the cache's thread, which tells the owner; false if there is too much to do already.</summary>
    public bool TryRequest(TranslationRequest request)
    {
        request.Result = Find(request.Source.MakeKey());
        if (request.Result != null)
        {
            request.Owner.Complete(request);
            return true;
        }

        lock (_lock)
        {
            if (_requests.Count == MaximumRequests)
                return false;
            _requests.Enqueue(request);
            Monitor.Pulse(_lock);
            if (_thread == null)
            {
                _thread = new Thread(Work) { IsBackground = true, Name = "guest translator", Priority = ThreadPriority.BelowNormal };
                _thread.Start();
            }
        }

        return true;
    }

    /// <summary>Translates a region now; null if it cannot be done.</summary>
    public Translation? Translate(RegionSource source)
    {
        byte[] key = source.MakeKey();
        Translation? translation = Find(key);
        if (translation != null)
            return translation;
        translation = RegionCompiler.TryCompile(source);
        if (translation != null)
            Add(key, translation);
        else
            Interlocked.Increment(ref _failures);
        return translation;
    }

    private Translation? Find(byte[] key)
    {
        lock (_lock)
            return _store?.Translations.GetValueOrDefault(key);
    }

    private void Add(byte[] key, Translation translation)
    {
        lock (_lock)
        {
            // Without a machine nobody would take it.
            if (_store == null || !_store.Translations.TryAdd(key, translation))
                return;
            _store.Order.Enqueue(key);
            if (_store.Order.Count > MaximumTranslations)
                _store.Translations.Remove(_store.Order.Dequeue());
        }
    }

    private void Work()
    {
        while (Next() is { } request)
        {
            if (request.Owner.IsClosed)
                continue;
            if (RegionCompiler.IsWorthwhile(request.Source))
                request.Result = Translate(request.Source);
            request.Owner.Complete(request);
        }
    }

    /// <summary>Waits for a request; null, and another thread must be made for the next one, once there is no machine.</summary>
    private TranslationRequest? Next()
    {
        lock (_lock)
        {
            while (_requests.Count == 0)
            {
                if (_machines == 0)
                {
                    _thread = null;
                    return null;
                }

                Monitor.Wait(_lock);
            }

            return _requests.Dequeue();
        }
    }

    private sealed class Store
    {
        public readonly Dictionary<byte[], Translation> Translations = new(new KeyComparer());
        public readonly Queue<byte[]> Order = new();
    }

    private sealed class KeyComparer : IEqualityComparer<byte[]>
    {
        public bool Equals(byte[]? x, byte[]? y) => x.AsSpan().SequenceEqual(y);

        public int GetHashCode(byte[] key)
        {
            var hash = default(HashCode);
            hash.AddBytes(key);
            return hash.ToHashCode();
        }
    }
}
