using EnclaveTesting.Engine.Devices.Virtio;

namespace EnclaveTesting.Engine.Devices.Nsm;

/// <summary>
/// The security module as a virtio device (id 33): one virtqueue, whose chains carry a request for the device to read and room
/// for the response (Linux, drivers/misc/nsm.c).
/// </summary>
internal sealed class NsmDevice(NsmProtocol protocol) : IVirtioDevice
{
    private const ushort QueueSize = 16;

    private readonly byte[] _request = new byte[NsmProtocol.MaxRequestSize + 1];
    private readonly byte[] _response = new byte[NsmProtocol.MaxResponseSize];
    private IVirtioTransport _transport = null!;

    /// <inheritdoc/>
    public uint DeviceId => 33;

    /// <inheritdoc/>
    public ulong Features => 0;

    /// <inheritdoc/>
    public IReadOnlyList<ushort> QueueSizes { get; } = [QueueSize];

    /// <inheritdoc/>
    public ReadOnlySpan<byte> Configuration => [];

    /// <inheritdoc/>
    public void Attach(IVirtioTransport transport) => _transport = transport;

    /// <inheritdoc/>
    public void Activate() => HandleQueue(0);

    /// <inheritdoc/>
    public void HandleQueue(int queue)
    {
        Virtqueue requests = _transport.Queue(0);
        while (_transport.IsActive && requests.TryPop(out DescriptorChain chain))
        {
            // One byte more than a request may have shows the protocol that it is too long.
            int length = chain.Read(0, _request);
            int room = (int)Math.Min(chain.WritableLength, NsmProtocol.MaxResponseSize);
            int written = protocol.Handle(_request.AsMemory(0, length), _response.AsSpan(0, room));
            chain.Write(0, _response.AsSpan(0, written));
            requests.Push(chain.Head, (uint)written);
        }

        _transport.Interrupt(requests);
    }

    /// <inheritdoc/>
    public void DoHostWork()
    {
        // Everything happens while the guest asks.
    }

    /// <inheritdoc/>
    public void Reset()
    {
        // The registers outlive a driver.
    }
}
