using EnclaveTesting.Engine.Devices.Virtio;
using EnclaveTesting.Engine.Machine.Recording;
using EnclaveTesting.Engine.State;

namespace EnclaveTesting.Engine.Devices.Nsm;

/// <summary>
/// The security module as a virtio device (id 33): one virtqueue, in which a chain that the device reads, the request, is
/// followed by a chain that it writes, the room for the response; both are given back when the response is there (Linux,
/// drivers/misc/nsm.c; QEMU, hw/virtio/virtio-nsm.c). A driver that mixes the two in one chain works with neither of those, so
/// it does not work here: the device stops until it is reset, as it does where no response can be given.
/// </summary>
internal sealed class NsmDevice(NsmProtocol protocol, IMachineWaker waker, MachineJournal? journal = null) : IVirtioDevice
{
    private const ushort QueueSize = 16;

    /// <summary>A guest whose other CPU never lets the queue get empty must not keep the machine here.</summary>
    private const int MaxRequests = QueueSize;

    private readonly byte[] _response = new byte[NsmProtocol.MaxResponseSize];
    private IVirtioTransport _transport = null!;

    public NsmDeviceState State { get; } = new();

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
    public void Activate() => Serve();

    /// <inheritdoc/>
    public void HandleQueue(int queue) => Serve();

    /// <inheritdoc/>
    public void DoHostWork()
    {
        if (State.Interrupted && _transport.IsActive)
            Serve();
    }

    /// <inheritdoc/>
    public void Exchange(StateArchive archive) => State.Exchange(archive);

    /// <inheritdoc/>
    public void Reset()
    {
        // The registers outlive a driver, a request does not.
        State.Head = null;
        State.Interrupted = false;
    }

    private void Serve()
    {
        Virtqueue queue = _transport.Queue(0);
        int left = MaxRequests;
        while (left > 0 && _transport.IsActive && queue.TryPop(out DescriptorChain chain))
        {
            if (State.Head is not { } head)
            {
                Accept(chain);
                continue;
            }

            Answer(queue, head, chain);
            left--;
        }

        State.Interrupted = left == 0;
        if (State.Interrupted)
            waker.Wake();
        _transport.Interrupt(queue);
    }

    private void Accept(DescriptorChain chain)
    {
        if (chain.WritableLength > 0)
        {
            _transport.Fault("a request to the security module has buffers for the device to write; the response's come in a chain of their own");
            return;
        }

        // One byte more than a request may have shows the protocol that it is too long.
        State.Length = chain.Read(0, State.Request);
        State.Head = chain.Head;
    }

    private void Answer(Virtqueue queue, ushort head, DescriptorChain chain)
    {
        if (chain.WritableLength == 0 || chain.ReadableLength > 0)
        {
            _transport.Fault("a request to the security module is not followed by a chain for the device to write");
            return;
        }

        int room = (int)Math.Min(chain.WritableLength, NsmProtocol.MaxResponseSize);
        int written = protocol.Handle(State.Request.AsMemory(0, State.Length), _response.AsSpan(0, room));
        if (journal is not null)
            written = journal.Answer(_response.AsSpan(0, room), written);
        if (written == 0)
        {
            _transport.Fault($"a response of the security module has {room} bytes of room, in which not even an error fits");
            return;
        }

        chain.Write(0, _response.AsSpan(0, written));
        State.Head = null;
        queue.Push(head, 0);
        queue.Push(chain.Head, (uint)written);
    }
}
