using EnclaveTesting.Engine.Accelerators;

namespace EnclaveTesting.Cli;

/// <summary>What is wrong with a machine and how to mend it.</summary>
internal sealed record Diagnosis(bool CanRun, string Verdict, IReadOnlyList<Diagnosis.Finding> Findings)
{
    private const long Mebibyte = 1 << 20;

    // The smallest memory in which a Nitro enclave's kernel and a small application feel well.
    private const long LittleMemory = 512 * Mebibyte;

    // The runtime reserves far more address space than it uses; a guest's memory is reserved whole.
    private const long LittleAddressSpace = 512L * 1024 * Mebibyte;

    private const long FewFiles = 256;

    /// <summary>How bad a finding is.</summary>
    internal enum Level
    {
        Good,
        Warning,
        Bad,
    }

    /// <summary>Judges a machine.</summary>
    public static Diagnosis Of(HostReport host)
    {
        var findings = new List<Finding> { new(Level.Good, ".NET", $"{host.Runtime} on {host.System}") };
        findings.Add(JudgeKvm(host));
        findings.Add(host.SoftwareProbe.Works
            ? new Finding(Level.Good, "software CPU", host.SoftwareProbe.Finding)
            : new Finding(Level.Bad, "software CPU", host.SoftwareProbe.Finding));
        (bool canRun, string verdict, Finding? choice) = JudgeChoice(host);
        if (choice is not null)
            findings.Add(choice);
        findings.AddRange(JudgeLimits(host));
        return new Diagnosis(canRun, verdict, findings);
    }

    private static Finding JudgeKvm(HostReport host)
    {
        // Without KVM there is still the software CPU: slower, not wrong.
        if (!host.CanHaveKvm)
            return new Finding(Level.Good, "KVM", "not on this kind of machine; it needs Linux on x86-64");
        if (host.KvmProbe is { Works: true } works)
            return new Finding(Level.Good, "KVM", works.Finding);
        if (host.KvmProbe is { } fails)
            return new Finding(Level.Warning, "KVM", $"/dev/kvm can be opened, but {fails.Finding}", "A KVM that only emulates the guest's kernel takes minutes to start Linux. Use a host with real virtualization (bare metal, or nested VT-x or AMD-V).");
        if (host.Device is not { } device)
            return new Finding(Level.Warning, "KVM", "there is no /dev/kvm", HowToGetKvm(host));
        return IsPermission(host.OpenProblem!)
            ? new Finding(Level.Warning, "KVM", $"{host.User} may not open {device.Path}, which belongs to {device.Owner}:{device.Group} with mode {Octal(device.Mode)}", HowToGetPermission(host, device))
            : new Finding(Level.Warning, "KVM", host.OpenProblem!);
    }

    private static bool IsPermission(string problem) => problem.Contains("errno 13", StringComparison.Ordinal) || problem.Contains("errno 1)", StringComparison.Ordinal);

    private static string HowToGetKvm(HostReport host)
    {
        if (host.IsContainer)
            return "Start the container with --device /dev/kvm.";
        if (host.KvmModule is { } module)
            return $"Load the module: sudo modprobe {module}";
        return host.IsVirtualMachine
            ? "Enable nested virtualization for this virtual machine on its host, or use a bare-metal instance."
            : "Enable virtualization (VT-x, AMD-V) in the firmware.";
    }

    // What chgrp and chmod do to a device is gone with the next start of the machine.
    private const string KeepPermission = "\nTo keep it so: echo 'KERNEL==\"kvm\", GROUP=\"kvm\", MODE=\"0660\"' | sudo tee /etc/udev/rules.d/60-kvm.rules";

    private static string HowToGetPermission(HostReport host, HostReport.DeviceNode device)
    {
        bool groupIsOfUse = device.GroupMayUse && device.Group != "root";
        if (host.IsContainer && groupIsOfUse)
            return $"Start the container with --group-add and the number of the group that owns {device.Path} on the host.";
        string group = groupIsOfUse ? device.Group : "kvm";
        // Group root is no group to add people to: the device first has to belong to another.
        string prepare = groupIsOfUse ? "" : $"sudo groupadd -f {group} && sudo chgrp {group} {device.Path} && sudo chmod 660 {device.Path} && ";
        return host.AccountGroups.Contains(group) && !host.SessionGroups.Contains(group) && groupIsOfUse
            ? $"{host.User} was added to the group {group} after this login: log in again, or run: newgrp {group}"
            : $"Run: {prepare}sudo usermod -aG {group} {host.User}\nand log in again.{(groupIsOfUse ? "" : KeepPermission)}";
    }

    private static (bool CanRun, string Verdict, Finding? Choice) JudgeChoice(HostReport host)
    {
        bool kvm = host.KvmProbe is { Works: true }, software = host.SoftwareProbe.Works;
        const string variable = AcceleratorChoice.EnvironmentVariable;
        switch (host.AcceleratorVariable?.ToLowerInvariant())
        {
            case null or "" or "auto":
                return (kvm || software,
                    kvm ? "An enclave can run here, on KVM." : software ? "An enclave can run here, on the software CPU." : "No enclave can run here.",
                    null);
            case "kvm":
                return (kvm,
                    kvm ? $"An enclave can run here, on KVM, as {variable} says." : $"No enclave can run here while {variable} is \"kvm\".",
                    new Finding(kvm ? Level.Good : Level.Bad, variable, "kvm", kvm ? null : $"Unset it to use what works here: unset {variable}"));
            case "software":
                return (software,
                    software ? $"An enclave can run here, on the software CPU, as {variable} says." : $"No enclave can run here while {variable} is \"software\".",
                    new Finding(kvm || !software ? Level.Warning : Level.Good, variable, "software", kvm ? $"KVM works here and is faster: unset {variable}" : null));
            default:
                return (false, $"No enclave can run here while {variable} is \"{host.AcceleratorVariable}\".",
                    new Finding(Level.Bad, variable, $"\"{host.AcceleratorVariable}\" is none of auto, kvm and software", $"unset {variable}"));
        }
    }

    private static IEnumerable<Finding> JudgeLimits(HostReport host)
    {
        long memory = Math.Min(host.MostMemory, host.AvailableMemory ?? long.MaxValue);
        string finding = $"{MiB(host.MostMemory)} for an enclave at most"
            + (host.AvailableMemory is { } available ? $", {MiB(available)} available now" : "")
            + (host.ControlGroupLimit is { } limit ? $"; the control group is limited to {MiB(limit)}" : "");
        yield return memory >= LittleMemory
            ? new Finding(Level.Good, "memory", finding)
            : new Finding(Level.Warning, "memory", finding, host.ControlGroupLimit < 2 * LittleMemory
                ? "Raise the control group's limit (for a container: --memory)."
                : "Stop other programs, or give enclaves less memory (--memory, WithMemory).");
        if (host.AddressSpaceLimit is { } space)
        {
            yield return space < LittleAddressSpace
                ? new Finding(Level.Warning, "ulimit -v", $"{MiB(space)} of address space", "Remove the limit: ulimit -v unlimited")
                : new Finding(Level.Good, "ulimit -v", $"{MiB(space)} of address space");
        }

        if (host.OpenFilesLimit is { } files and < FewFiles)
            yield return new Finding(Level.Warning, "ulimit -n", $"{files} open files; an enclave takes about 20", "Raise the limit: ulimit -n 1024");
    }

    private static string MiB(long bytes) => $"{bytes / Mebibyte} MiB";

    private static string Octal(UnixFileMode mode) => Convert.ToString((int)mode, 8);

    /// <summary>One thing that was looked at.</summary>
    /// <param name="Level">How bad it is.</param>
    /// <param name="Subject">What was looked at.</param>
    /// <param name="Text">What was found.</param>
    /// <param name="Remedy">How to mend it.</param>
    internal sealed record Finding(Level Level, string Subject, string Text, string? Remedy = null);
}
