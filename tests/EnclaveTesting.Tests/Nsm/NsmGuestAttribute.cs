using System.Reflection;
using EnclaveTesting.Engine.Accelerators;
using EnclaveTesting.Engine.Accelerators.Kvm;
using EnclaveTesting.Engine.Accelerators.Software;
using Xunit.Sdk;

namespace EnclaveTesting.Tests.Nsm;

/// <summary>Runs a theory with one kind of guest; where that cannot run it is skipped with the reason.</summary>
[AttributeUsage(AttributeTargets.Method, AllowMultiple = true)]
public sealed class NsmGuestAttribute(NsmGuestKind kind) : DataAttribute
{
    private static readonly Lazy<string?> WithoutRealKvm = new(() => WhyNot(new KvmAccelerator()));
    private static readonly Lazy<string?> WithoutSoftware = new(() => WhyNot(new SoftwareAccelerator()));

    /// <inheritdoc/>
    public override string? Skip
    {
        get => base.Skip ?? kind switch
        {
            NsmGuestKind.BareMetalOnKvm => AcceleratorSupport.WhyNot(Accelerator.Kvm),
            NsmGuestKind.LinuxOnKvm => WithoutRealKvm.Value,
            _ => WithoutSoftware.Value,
        };
        set => base.Skip = value;
    }

    /// <inheritdoc/>
    public override IEnumerable<object[]> GetData(MethodInfo testMethod) => [[kind]];

    private static string? WhyNot(IAccelerator accelerator)
    {
        try
        {
            AcceleratorProbe probe = AcceleratorProbe.Run(accelerator);
            return probe.Works ? null : probe.Finding;
        }
        catch (NotImplementedException)
        {
            return "There is no software CPU yet.";
        }
    }
}
