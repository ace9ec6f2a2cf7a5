using EnclaveTesting.Engine.Accelerators;
using EnclaveTesting.Engine.Devices;
using EnclaveTesting.Engine.Memory;
using EnclaveTesting.Engine.State;

namespace EnclaveTesting.Engine.Machine;

/// <summary>A machine's devices under one lock, as the accelerator reaches them.</summary>
/// <param name="ended">Takes the first end that is reported; called on a machine thread, under the lock.</param>
internal sealed class MachineBus(Action<VmExit> ended) : IMachineBus
{
    private const int MaxUnclaimed = 64;

    private readonly Lock _lock = new();
    private readonly List<IDeviceWorker> _workers = [];
    private readonly HashSet<(bool Port, ulong Address, bool Write)> _unclaimed = [];
    private bool _ended;

    public PortBus Ports { get; } = new();

    public MmioBus Mmio { get; } = new();

    /// <summary>Adds a device that reacts to the host.</summary>
    public void AddWorker(IDeviceWorker worker) => _workers.Add(worker);

    /// <summary>Runs an action between two calls of the machine.</summary>
    public void Run(Action action)
    {
        lock (_lock)
            action();
    }

    /// <summary>The first accesses that no device answered, such as "read of port 0x3e9".</summary>
    public IReadOnlyList<string> DescribeUnclaimed()
    {
        lock (_lock)
        {
            return [.. _unclaimed.OrderBy(access => access.Port ? 0 : 1).ThenBy(access => access.Address)
                .Select(access => $"{(access.Write ? "write to" : "read of")} {(access.Port ? "port" : "address")} 0x{access.Address:x}")];
        }
    }

    /// <summary>Saves what guests asked for in vain, or restores it.</summary>
    public void Exchange(StateArchive archive)
    {
        List<(bool Port, ulong Address, bool Write)> unclaimed = archive.List(
            _unclaimed, MaxUnclaimed, access => (archive.Flag(access.Port), archive.Value(access.Address), archive.Flag(access.Write)));
        _unclaimed.UnionWith(unclaimed);
    }

    /// <inheritdoc/>
    public uint ReadPort(ushort port, int size)
    {
        lock (_lock)
        {
            if (!Ports.Read(port, size, out uint value))
                NoteUnclaimed(port: true, port, write: false);
            return value;
        }
    }

    /// <inheritdoc/>
    public void WritePort(ushort port, int size, uint value)
    {
        lock (_lock)
        {
            if (!Ports.Write(port, size, value))
                NoteUnclaimed(port: true, port, write: true);
        }
    }

    /// <inheritdoc/>
    public void ReadMmio(GuestAddress address, Span<byte> data)
    {
        lock (_lock)
        {
            if (!Mmio.Read(address, data))
                NoteUnclaimed(port: false, address.Value, write: false);
        }
    }

    /// <inheritdoc/>
    public void WriteMmio(GuestAddress address, ReadOnlySpan<byte> data)
    {
        lock (_lock)
        {
            if (!Mmio.Write(address, data))
                NoteUnclaimed(port: false, address.Value, write: true);
        }
    }

    /// <inheritdoc/>
    public void DoHostWork()
    {
        lock (_lock)
        {
            foreach (IDeviceWorker worker in _workers)
                worker.DoHostWork();
        }
    }

    /// <inheritdoc/>
    public bool Publish()
    {
        bool any = false;
        lock (_lock)
        {
            foreach (IDeviceWorker worker in _workers)
                any |= worker.Publish();
        }

        return any;
    }

    /// <inheritdoc/>
    public void Ended(VmExit exit)
    {
        lock (_lock)
        {
            if (_ended)
                return;
            _ended = true;
            ended(exit);
        }
    }

    private void NoteUnclaimed(bool port, ulong address, bool write)
    {
        if (_unclaimed.Count < MaxUnclaimed)
            _unclaimed.Add((port, address, write));
    }
}
