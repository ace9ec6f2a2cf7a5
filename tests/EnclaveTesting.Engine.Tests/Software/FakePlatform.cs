using EnclaveTesting.Engine.Accelerators.Software.Cpu;

namespace EnclaveTesting.Engine.Tests.Software;

/// <summary>What a CPU under test reaches: ports and devices that remember, interrupts that wait to be taken.</summary>
internal sealed class FakePlatform : ICpuPlatform
{
    public List<(ushort Port, int Size, uint Value)> PortWrites { get; } = [];

    public Queue<uint> PortReads { get; } = new();

    public List<(ulong Address, int Size, ulong Value)> MmioWrites { get; } = [];

    public List<(ulong Address, int Size)> MmioReads { get; } = [];

    public ulong MmioAnswer { get; set; } = 0x1122_3344_5566_7788;

    public Queue<int> Interrupts { get; } = new();

    public Dictionary<uint, ulong> Msrs { get; } = [];

    public ulong Tpr { get; set; }

    public ulong Tsc { get; set; }

    public List<(ulong Rip, byte[] Bytes)> Unimplemented { get; } = [];

    public Action<ushort, uint>? OnPortWrite { get; set; }

    public uint ReadPort(ushort port, int size) => PortReads.Count > 0 ? PortReads.Dequeue() : uint.MaxValue;

    public void WritePort(ushort port, int size, uint value)
    {
        PortWrites.Add((port, size, value));
        OnPortWrite?.Invoke(port, value);
    }

    public ulong ReadMmio(ulong address, int size)
    {
        MmioReads.Add((address, size));
        return MmioAnswer;
    }

    public void WriteMmio(ulong address, int size, ulong value) => MmioWrites.Add((address, size, value));

    public ulong ReadTsc(int cpu) => Tsc += 10;

    public bool TryReadMsr(int cpu, uint index, out ulong value) => Msrs.TryGetValue(index, out value);

    public bool TryWriteMsr(int cpu, uint index, ulong value)
    {
        if (!Msrs.ContainsKey(index))
            return false;
        Msrs[index] = value;
        return true;
    }

    public int TakeInterrupt(int cpu) => Interrupts.Count > 0 ? Interrupts.Dequeue() : -1;

    public ulong ReadTpr(int cpu) => Tpr;

    public void WriteTpr(int cpu, ulong value) => Tpr = value;

    public void NoteUnimplemented(int cpu, ulong rip, ReadOnlySpan<byte> bytes) => Unimplemented.Add((rip, bytes.ToArray()));
}
