using Iced.Intel;

namespace EnclaveTesting.Engine.Accelerators.Software.Cpu.Privileged;

/// <summary>
/// VMCALL and VMMCALL: a kernel that sees KVM in CPUID may ask it for services (Linux, Documentation/virt/kvm/x86/hypercalls.rst), as that of AWS's
/// enclaves does for a clock of the host's. CPUID offers none of them, so the answer is KVM's to a call that it does not know.
/// </summary>
internal static unsafe class HypercallOps
{
    // include/uapi/linux/kvm_para.h
    private const long NoSuchCall = -1000, NotPermitted = -1;

    public static void Register(OpTable table)
    {
        table.AddLast(Code.Vmcall, &Answer);
        table.AddLast(Code.Vmmcall, &Answer);
    }

    private static bool Answer(SoftwareCpu cpu, Op* op)
    {
        CpuState* state = cpu.State;
        long answer = state->Cpl == 0 ? NoSuchCall : NotPermitted;
        state->Gpr[0] = (cpu.Mode & CpuMode.CodeSize) == CpuMode.Code64 ? (ulong)answer : (uint)answer;
        return cpu.EndBlock(op);
    }
}
