using EnclaveTesting.Engine.Accelerators.Software.Cpu;

namespace EnclaveTesting.Engine.Accelerators.Software;

/// <summary>Nothing around a CPU but RAM: every port and address answers with all ones.</summary>
internal sealed class NoPlatform : ICpuPlatform
{
    /// <summary>The bytes of each instruction that the CPU did not know, hexadecimal, in order.</summary>
    public List<string> Unimplemented { get; } = [];

    public uint ReadPort(ushort port, int size) => uint.MaxValue;

    public void WritePort(ushort port, int size, uint value)
    {
    }

    public ulong ReadMmio(ulong address, int size) => ulong.MaxValue;

    public void WriteMmio(ulong address, int size, ulong value)
    {
    }

    public ulong ReadTsc(int cpu) => 0;

    public bool TryReadMsr(int cpu, uint index, out ulong value)
    {
        value = 0;
        return false;
    }

    public bool TryWriteMsr(int cpu, uint index, ulong value) => false;

    public int TakeInterrupt(int cpu) => -1;

    public ulong ReadTpr(int cpu) => 0;

    public void WriteTpr(int cpu, ulong value)
    {
    }

    public void NoteUnimplemented(int cpu, ulong rip, ReadOnlySpan<byte> bytes) => Unimplemented.Add(Convert.ToHexString(bytes));
}
