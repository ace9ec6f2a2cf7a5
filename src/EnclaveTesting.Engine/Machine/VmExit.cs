using System.Text;

namespace EnclaveTesting.Engine.Machine;

/// <summary>How a machine ended.</summary>
/// <param name="Reason">The kind of end.</param>
/// <param name="Detail">One sentence for people: what was seen, such as the panic line or the failing ioctl.</param>
public sealed record VmExit(VmExitReason Reason, string Detail)
{
    /// <summary>Index of the virtual CPU that ended the machine, where one did.</summary>
    public int? Cpu { get; init; }

    /// <summary>That CPU's registers at the end, where they could be read.</summary>
    public CpuRegisters? Registers { get; init; }

    /// <summary>Up to 15 bytes at RIP, where they could be read.</summary>
    public ReadOnlyMemory<byte> InstructionBytes { get; init; }

    /// <summary>How many instructions all virtual CPUs had executed, where they are counted (on the software CPU).</summary>
    public long? Instructions { get; init; }

    /// <summary>
    /// In virtual time: from which instruction on and why the host's speed had its part in the run, so that another run may differ; null if it had none.
    /// </summary>
    public string? HostPace { get; init; }

    /// <summary>The end in one paragraph: reason, detail, registers, bytes.</summary>
    public override string ToString()
    {
        var text = new StringBuilder().Append(Reason).Append(": ").Append(Detail);
        if (Cpu is int cpu)
            text.Append(" (CPU ").Append(cpu).Append(')');
        if (Registers is CpuRegisters registers)
            text.AppendLine().Append(registers);
        if (!InstructionBytes.IsEmpty)
            text.AppendLine().Append("bytes at RIP: ").Append(Convert.ToHexStringLower(InstructionBytes.Span));
        return text.ToString();
    }
}
