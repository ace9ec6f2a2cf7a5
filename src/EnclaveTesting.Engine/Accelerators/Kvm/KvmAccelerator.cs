using System.Runtime.InteropServices;
using System.Runtime.Versioning;

namespace EnclaveTesting.Engine.Accelerators.Kvm;

/// <summary>Linux KVM (Documentation/virt/kvm/api.rst) on x86-64.</summary>
/// <param name="devicePath">KVM's device node.</param>
internal sealed class KvmAccelerator(string devicePath = KvmAccelerator.DefaultDevice) : IAccelerator
{
    /// <summary>Where Linux puts KVM.</summary>
    public const string DefaultDevice = "/dev/kvm";

    /// <summary>Whether it is known that this KVM emulates ring 0 instead of running it on the processor; see <see cref="AcceleratorProbe"/>.</summary>
    public bool IsInterpreter { get; init; }

    [SupportedOSPlatformGuard("linux")]
    private static bool IsPossible => OperatingSystem.IsLinux() && RuntimeInformation.ProcessArchitecture == Architecture.X64;

    /// <inheritdoc/>
    public Accelerator Kind => Accelerator.Kvm;

    /// <inheritdoc/>
    public IVirtualMachine CreateMachine(VirtualMachineConfiguration configuration, IMachineBus bus)
    {
        if (!IsPossible)
            throw Impossible();
        // The machine's own descriptors keep KVM alive; this one is only for questions.
        using FileDescriptor kvm = Open();
        try
        {
            if (WhyNot(kvm, configuration.CpuTemplate) is { } problem)
                throw new AcceleratorUnavailableException(problem);
            return new KvmVirtualMachine(kvm, configuration, bus, IsInterpreter);
        }
        catch (KvmException exception)
        {
            throw exception.ToUnavailable();
        }
    }

    /// <summary>Why KVM cannot give guests this processor on this host, in words; null if it can.</summary>
    /// <exception cref="AcceleratorUnavailableException">KVM cannot be used at all.</exception>
    public string? WhyNot(CpuTemplate template)
    {
        if (!IsPossible)
            throw Impossible();
        using FileDescriptor kvm = Open();
        try
        {
            return WhyNot(kvm, template);
        }
        catch (KvmException exception)
        {
            throw exception.ToUnavailable();
        }
    }

    /// <summary>Opens the device and checks that it is the KVM this code knows.</summary>
    /// <exception cref="AcceleratorUnavailableException">It is not there, not permitted, or not able.</exception>
    public FileDescriptor Open()
    {
        if (!IsPossible)
            throw Impossible();

        var kvm = new FileDescriptor(LibC.Open(devicePath, LibC.OpenReadWrite | LibC.OpenCloseOnExec));
        int error = Marshal.GetLastPInvokeError();
        if (kvm.IsInvalid)
        {
            kvm.Dispose();
            throw CannotOpen(error);
        }

        try
        {
            Check(kvm);
            return kvm;
        }
        catch
        {
            kvm.Dispose();
            throw;
        }
    }

    private static AcceleratorUnavailableException Impossible() =>
        new($"KVM needs Linux on x86-64; this is {RuntimeInformation.OSDescription} on {RuntimeInformation.ProcessArchitecture}.");

    [SupportedOSPlatform("linux")]
    private string? WhyNot(FileDescriptor kvm, CpuTemplate template)
    {
        if (template == CpuTemplate.Host)
            return null;
        bool tscDeadline = KvmIoctl.Call(kvm, KvmIoctl.CheckExtension, KvmCapability.TscDeadlineTimer) > 0;
        string[] missing = KvmCpuid.FindMissing(KvmCpuid.Supported(kvm), template, tscDeadline);
        return missing.Length == 0 ? null : $"The KVM behind {devicePath} lacks {string.Join(", ", missing)}, which the CPU template {template} has.";
    }

    [SupportedOSPlatform("linux")]
    private void Check(FileDescriptor kvm)
    {
        try
        {
            int version = KvmIoctl.Call(kvm, KvmIoctl.GetApiVersion);
            if (version != KvmIoctl.ApiVersion)
                throw new AcceleratorUnavailableException($"{devicePath} speaks KVM API version {version}; {KvmIoctl.ApiVersion} is needed.");
            string[] missing = [.. KvmCapability.Required
                .Where(capability => KvmIoctl.Call(kvm, KvmIoctl.CheckExtension, capability.Number) <= 0)
                .Select(capability => capability.Name)];
            if (missing.Length > 0)
                throw new AcceleratorUnavailableException($"The KVM behind {devicePath} lacks {string.Join(", ", missing)}; a newer host kernel has it.");
        }
        catch (KvmException exception)
        {
            throw new AcceleratorUnavailableException($"{devicePath} is not KVM: {exception.Message}", exception);
        }
    }

    [SupportedOSPlatform("linux")]
    private AcceleratorUnavailableException CannotOpen(int error)
    {
        var cause = new KvmException($"open(\"{devicePath}\")", error);
        string hint = error switch
        {
            LibC.NoEntry => "The host has no KVM: enable virtualization in the firmware and load kvm_intel or kvm_amd; in a container pass --device /dev/kvm; in a VM enable nested virtualization.",
            LibC.AccessDenied or LibC.NotPermitted when OperatingSystem.IsLinux() => KvmPermission.HowToGet(devicePath),
            _ => "See enclave doctor.",
        };
        return new AcceleratorUnavailableException($"{cause.Message} {hint}", cause);
    }
}
