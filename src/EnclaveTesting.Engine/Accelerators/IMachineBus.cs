using EnclaveTesting.Engine.Machine;
using EnclaveTesting.Engine.Memory;

namespace EnclaveTesting.Engine.Accelerators;

/// <summary>
/// What a running guest reaches: the machine's devices. The accelerator calls it from its own threads; the machine
/// takes its lock inside. No call blocks, none throws for anything a guest does.
/// </summary>
internal interface IMachineBus
{
    /// <summary>An IN of <paramref name="size"/> (1, 2 or 4) bytes; all ones where no device answers.</summary>
    uint ReadPort(ushort port, int size);

    /// <summary>An OUT of <paramref name="size"/> (1, 2 or 4) bytes.</summary>
    void WritePort(ushort port, int size, uint value);

    /// <summary>A load of 1 to 8 bytes from an address that is not RAM; all ones where no device answers.</summary>
    void ReadMmio(GuestAddress address, Span<byte> data);

    /// <summary>A store of 1 to 8 bytes to an address that is not RAM.</summary>
    void WriteMmio(GuestAddress address, ReadOnlySpan<byte> data);

    /// <summary>Lets every device do the work that has come from the host; the accelerator calls it after <see cref="Devices.IMachineWaker.Wake"/>.</summary>
    void DoHostWork();

    /// <summary>Lets the host see what the guest did, for accelerators that say when (<see cref="IVirtualMachine.VirtualTime"/>).</summary>
    /// <returns>Whether there was anything.</returns>
    bool Publish() => false;

    /// <summary>
    /// Reports that the guest has ended by itself or cannot go on. The first report counts. The machine answers by
    /// calling <see cref="IVirtualMachine.RequestStop"/>, perhaps from inside this call.
    /// </summary>
    void Ended(VmExit exit);
}
