using EnclaveTesting.Engine.Accelerators.Kvm;
using EnclaveTesting.Engine.Accelerators.Software;
using EnclaveTesting.Engine.Machine;

namespace EnclaveTesting.Engine.Accelerators;

/// <summary>Which accelerator runs a machine, and why that one.</summary>
/// <param name="Accelerator">The accelerator.</param>
/// <param name="Reason">One sentence for people.</param>
internal sealed record AcceleratorChoice(IAccelerator Accelerator, string Reason)
{
    /// <summary>Decides for machines that leave the choice open: <c>kvm</c>, <c>software</c> or <c>auto</c>.</summary>
    public const string EnvironmentVariable = "ENCLAVE_ACCELERATOR";

    // A host does not change while a process runs; the probe is run once, when the first machine asks.
    private static readonly Lazy<AcceleratorProbe> KvmProbe = new(() => AcceleratorProbe.Run(new KvmAccelerator()));

    /// <summary>Chooses; an accelerator that was asked for by name is taken or the attempt fails.</summary>
    /// <exception cref="AcceleratorUnavailableException">This host cannot run it.</exception>
    public static AcceleratorChoice Resolve(Accelerator wanted, MachineTime time = MachineTime.Host, CpuTemplate template = CpuTemplate.Host)
    {
        string reason = "it was asked for";
        if (time == MachineTime.Virtual)
        {
            return wanted == Accelerators.Accelerator.Kvm
                ? throw new AcceleratorUnavailableException("KVM runs guests in the host's time; virtual time needs the software CPU.")
                : new AcceleratorChoice(new SoftwareAccelerator(virtualTime: true), "virtual time needs it");
        }

        if (wanted == Accelerators.Accelerator.Auto && Environment.GetEnvironmentVariable(EnvironmentVariable) is { Length: > 0 } value)
        {
            if (!Enum.TryParse(value, ignoreCase: true, out wanted) || !Enum.IsDefined(wanted))
                throw new AcceleratorUnavailableException($"{EnvironmentVariable} is \"{value}\"; it can be auto, kvm or software.");
            reason = $"{EnvironmentVariable} says so";
        }

        switch (wanted)
        {
            case Accelerators.Accelerator.Kvm:
                return UseKvm(reason, template);
            case Accelerators.Accelerator.Software:
                return new AcceleratorChoice(new SoftwareAccelerator(), reason);
            default:
                AcceleratorChoice choice = Choose(KvmProbe.Value);
                return choice.Accelerator is KvmAccelerator kvm && kvm.WhyNot(template) is { } problem
                    ? new AcceleratorChoice(new SoftwareAccelerator(), problem)
                    : choice;
        }
    }

    /// <summary>Takes KVM if the probe says that it works.</summary>
    public static AcceleratorChoice Choose(AcceleratorProbe kvm) => kvm.Works
        ? new AcceleratorChoice(new KvmAccelerator(), kvm.Finding)
        : new AcceleratorChoice(new SoftwareAccelerator(), $"KVM cannot be used: {kvm.Finding}");

    private static AcceleratorChoice UseKvm(string reason, CpuTemplate template)
    {
        var kvm = new KvmAccelerator();
        if (kvm.WhyNot(template) is { } problem)
            throw new AcceleratorUnavailableException(problem);
        AcceleratorProbe probe = KvmProbe.Value;
        return probe.Works
            ? new AcceleratorChoice(kvm, reason)
            : new AcceleratorChoice(new KvmAccelerator { IsInterpreter = true }, $"{reason}, although {probe.Finding}");
    }
}
