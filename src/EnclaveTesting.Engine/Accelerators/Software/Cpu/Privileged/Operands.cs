namespace EnclaveTesting.Engine.Accelerators.Software.Cpu.Privileged;

/// <summary>Operands of system instructions, by whether ModRM names a register.</summary>
internal static unsafe class Operands
{
    /// <summary>Reads r/m16.</summary>
    public static bool TryRead16(SoftwareCpu cpu, Op* op, out ushort value)
    {
        if (op->IsMemory)
            return cpu.TryLoad(cpu.Address(op), out value);
        value = (ushort)cpu.State->Gpr[op->Rm];
        return true;
    }
}
