using EnclaveTesting.Engine.Devices.Virtio;
using EnclaveTesting.Engine.State;

namespace EnclaveTesting.Engine.Tests.Devices.Virtio;

/// <summary>A device with two queues that notes what its transport tells it and gives every chain back at once.</summary>
internal sealed class RecordingDevice : IVirtioDevice
{
    private static readonly byte[] ConfigurationBytes = [1, 2, 3, 4, 5, 6];
    private IVirtioTransport _transport = null!;

    public List<string> Calls { get; } = [];

    public uint DeviceId => 42;

    public ulong Features => 0x21;

    public IReadOnlyList<ushort> QueueSizes { get; } = [16, 4];

    public ReadOnlySpan<byte> Configuration => ConfigurationBytes;

    public void Attach(IVirtioTransport transport) => _transport = transport;

    public void Activate() => Calls.Add("activate");

    public void DoHostWork() => Calls.Add("host work");

    public void Exchange(StateArchive archive) => Calls.Add("exchange");

    public void Reset() => Calls.Add("reset");

    public void HandleQueue(int queue)
    {
        Calls.Add($"queue {queue}");
        Virtqueue virtqueue = _transport.Queue(queue);
        while (_transport.IsActive && virtqueue.TryPop(out DescriptorChain chain))
            virtqueue.Push(chain.Head, 0);
        _transport.Interrupt(virtqueue);
    }
}
