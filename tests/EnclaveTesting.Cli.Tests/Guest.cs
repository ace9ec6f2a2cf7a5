using EnclaveTesting.Engine.Accelerators;
using EnclaveTesting.Engine.Eif;

namespace EnclaveTesting.Cli.Tests;

/// <summary>The checked-in bare-metal guests as images.</summary>
internal static class Guest
{
    /// <summary>What runs them here: any KVM will do for them, and is faster.</summary>
    public static string Accelerator { get; } = Choose();

    public static string Write(TemporaryDirectory directory, string guest) => directory.Write(guest + ".eif", Image(guest).Build());

    public static EifBuilder Image(string guest) => new EifBuilder()
        .WithKernel(Path.Combine(AppContext.BaseDirectory, "guests", guest + ".elf"))
        .WithCommandLine("console=ttyS0")
        .WithDefaultMemory(8 << 20)
        .WithDefaultCpus(1)
        .AddRamdisk(new byte[1024]);

    private static string Choose()
    {
        try
        {
            AcceleratorChoice.Resolve(Engine.Accelerators.Accelerator.Kvm);
            return "kvm";
        }
        catch (AcceleratorUnavailableException)
        {
            return "software";
        }
    }
}
