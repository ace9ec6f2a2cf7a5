using System.Buffers.Binary;
using System.Runtime.Versioning;
using EnclaveTesting.Engine.Accelerators.Software.Cpu;
using EnclaveTesting.Engine.Memory;

namespace EnclaveTesting.Engine.Accelerators.Kvm;

/// <summary>
/// What the assisting software CPU reaches outside itself: the machine's devices, KVM's registers, and nothing of the interrupt controllers
/// that KVM has in the kernel. What cannot be had is refused; the instruction counts as not executed then.
/// </summary>
/// <param name="cpu">The virtual CPU's descriptor.</param>
/// <param name="bus">The machine's devices.</param>
[SupportedOSPlatform("linux")]
internal sealed class KvmAssistPlatform(FileDescriptor cpu, IMachineBus bus) : ICpuPlatform
{
    private const uint TimeStampCounter = 0x10;
    private const ulong PageSize = 4096, ApicBaseMask = 0x000F_FFFF_FFFF_F000;

    /// <summary>What was asked for and cannot be had, or null.</summary>
    public string? Refusal { get; private set; }

    private ulong _apic, _tpr;

    /// <summary>Before each instruction.</summary>
    public void Begin(ulong apicBase, ulong tpr)
    {
        Refusal = null;
        _apic = apicBase & ApicBaseMask;
        _tpr = tpr;
    }

    /// <inheritdoc/>
    public uint ReadPort(ushort port, int size) => IsKernels(port, size) ? Refuse($"a read of the port 0x{port:x} of an interrupt controller or timer") : bus.ReadPort(port, size);

    /// <inheritdoc/>
    public void WritePort(ushort port, int size, uint value)
    {
        if (IsKernels(port, size))
            Refuse($"a write to the port 0x{port:x} of an interrupt controller or timer");
        else
            bus.WritePort(port, size, value);
    }

    /// <inheritdoc/>
    public ulong ReadMmio(ulong address, int size)
    {
        if (IsKernels(address))
            return Refuse($"a read of an interrupt controller's register at 0x{address:x}");
        Span<byte> data = stackalloc byte[sizeof(ulong)];
        data.Clear();
        bus.ReadMmio(new GuestAddress(address), data[..size]);
        return BinaryPrimitives.ReadUInt64LittleEndian(data);
    }

    /// <inheritdoc/>
    public void WriteMmio(ulong address, int size, ulong value)
    {
        if (IsKernels(address))
        {
            Refuse($"a write to an interrupt controller's register at 0x{address:x}");
            return;
        }

        Span<byte> data = stackalloc byte[sizeof(ulong)];
        BinaryPrimitives.WriteUInt64LittleEndian(data, value);
        bus.WriteMmio(new GuestAddress(address), data[..size]);
    }

    /// <inheritdoc/>
    public ulong ReadTsc(int cpuIndex) => TryReadMsr(cpuIndex, TimeStampCounter, out ulong value) ? value : Refuse("the time stamp counter");

    /// <inheritdoc/>
    public bool TryReadMsr(int cpuIndex, uint index, out ulong value) => KvmStateTransfer.TryReadMsr(cpu, index, out value);

    /// <inheritdoc/>
    public bool TryWriteMsr(int cpuIndex, uint index, ulong value) => KvmStateTransfer.TryWriteMsr(cpu, index, value);

    /// <summary>No interrupts come while assisting: KVM delivers them.</summary>
    public int TakeInterrupt(int cpuIndex) => -1;

    /// <inheritdoc/>
    public ulong ReadTpr(int cpuIndex) => _tpr;

    /// <inheritdoc/>
    public void WriteTpr(int cpuIndex, ulong value) => _tpr = value;

    /// <inheritdoc/>
    public void NoteUnimplemented(int cpuIndex, ulong rip, ReadOnlySpan<byte> bytes) => Refuse("an instruction that the software CPU does not know either");

    private uint Refuse(string what)
    {
        Refusal ??= what;
        return uint.MaxValue;
    }

    private bool IsKernels(ulong address) => address - _apic < PageSize || address - MemoryLayout.IoApic < PageSize;

    private static bool IsKernels(ushort port, int size)
    {
        for (int i = 0; i < size; i++)
        {
            if (port + i is 0x20 or 0x21 or 0xA0 or 0xA1 or 0x4D0 or 0x4D1 or (>= 0x40 and <= 0x43) or 0x61)
                return true;
        }

        return false;
    }
}
