using EnclaveTesting.Engine.Accelerators.Kvm;

namespace EnclaveTesting.Engine.Accelerators;

/// <summary>Which accelerator runs a machine, and why that one.</summary>
/// <param name="Accelerator">The accelerator.</param>
/// <param name="Reason">One sentence for people.</param>
internal sealed record AcceleratorChoice(IAccelerator Accelerator, string Reason)
{
    /// <summary>Decides for machines that leave the choice open: <c>kvm</c> or <c>software</c>.</summary>
    public const string EnvironmentVariable = "ENCLAVE_ACCELERATOR";

    /// <summary>Chooses; an accelerator that was asked for by name is taken or the attempt fails.</summary>
    /// <exception cref="AcceleratorUnavailableException">This host cannot run it.</exception>
    public static AcceleratorChoice Resolve(Accelerator wanted)
    {
        string reason = "it was asked for";
        if (wanted == Accelerators.Accelerator.Auto && Environment.GetEnvironmentVariable(EnvironmentVariable) is { Length: > 0 } value)
        {
            if (!Enum.TryParse(value, ignoreCase: true, out wanted) || !Enum.IsDefined(wanted))
                throw new AcceleratorUnavailableException($"{EnvironmentVariable} is \"{value}\"; it can be auto, kvm or software.");
            reason = $"{EnvironmentVariable} says so";
        }

        switch (wanted)
        {
            case Accelerators.Accelerator.Kvm:
                return UseKvm(reason);
            case Accelerators.Accelerator.Software:
                throw new AcceleratorUnavailableException("This version has no software CPU yet.");
            default:
                return UseKvm("it is there");
        }
    }

    private static AcceleratorChoice UseKvm(string reason)
    {
        var kvm = new KvmAccelerator();
        kvm.Open().Dispose();
        return new AcceleratorChoice(kvm, reason);
    }
}
