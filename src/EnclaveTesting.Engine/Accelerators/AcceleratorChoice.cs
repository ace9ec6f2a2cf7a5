using EnclaveTesting.Engine.Accelerators.Kvm;
using EnclaveTesting.Engine.Accelerators.Software;
using EnclaveTesting.Engine.Machine;

namespace EnclaveTesting.Engine.Accelerators;

/// <summary>Which accelerator runs a machine, and why that one.</summary>
/// <param name="Accelerator">The accelerator.</param>
/// <param name="Reason">One sentence for people.</param>
internal sealed record AcceleratorChoice(IAccelerator Accelerator, string Reason)
{
    /// <summary>The time of machines on the software CPU that were not told another one.</summary>
    public const MachineTime OnSoftware = MachineTime.Virtual;

    /// <summary>Decides for machines that leave the choice open: <c>kvm</c>, <c>software</c> or <c>auto</c>.</summary>
    public const string EnvironmentVariable = "ENCLAVE_ACCELERATOR";

    /// <summary>What time the accelerator's machines have.</summary>
    public MachineTime Time { get; init; }

    // A host does not change while a process runs; the probe is run once, when the first machine asks.
    private static readonly Lazy<AcceleratorProbe> KvmProbe = new(() => AcceleratorProbe.Run(new KvmAccelerator()));

    /// <summary>Chooses; an accelerator that was asked for by name is taken or the attempt fails.</summary>
    /// <exception cref="AcceleratorUnavailableException">This host cannot run it.</exception>
    /// <param name="wanted">The accelerator.</param>
    /// <param name="time">The machine's time; null leaves it to the accelerator.</param>
    /// <param name="template">The processor that the guest is to see.</param>
    public static AcceleratorChoice Resolve(Accelerator wanted, MachineTime? time = null, CpuTemplate template = CpuTemplate.Host)
    {
        string reason = "it was asked for";
        if (time == MachineTime.Virtual)
        {
            return wanted == Accelerators.Accelerator.Kvm
                ? throw new AcceleratorUnavailableException("KVM runs guests in the host's time; virtual time needs the software CPU.")
                : UseSoftware(time, "virtual time needs it");
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
                return UseSoftware(time, reason);
            default:
                AcceleratorChoice choice = Choose(KvmProbe.Value, time);
                return choice.Accelerator is KvmAccelerator kvm && kvm.WhyNot(template) is { } problem ? UseSoftware(time, problem) : choice;
        }
    }

    /// <summary>
    /// Begins, on other threads, what <see cref="Resolve"/> will want to know and what a machine on its choice will need, while the caller opens the
    /// image. What cannot be used is no failure yet.
    /// </summary>
    /// <inheritdoc cref="Resolve"/>
    public static void Prepare(Accelerator wanted, MachineTime? time = null, CpuTemplate template = CpuTemplate.Host) => _ = Task.Run(() =>
    {
        try
        {
            Resolve(wanted, time, template).Accelerator.WarmUp();
        }
        catch (AcceleratorUnavailableException)
        {
            // Whoever needs it will hear.
        }
    });

    /// <summary>Takes KVM if the probe says that it works.</summary>
    public static AcceleratorChoice Choose(AcceleratorProbe kvm, MachineTime? time = null) => kvm.Works
        ? new AcceleratorChoice(new KvmAccelerator(), kvm.Finding)
        : UseSoftware(time, $"KVM cannot be used: {kvm.Finding}");

    private static AcceleratorChoice UseSoftware(MachineTime? time, string reason)
    {
        MachineTime used = time ?? OnSoftware;
        return new AcceleratorChoice(new SoftwareAccelerator(used == MachineTime.Virtual), reason) { Time = used };
    }

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
