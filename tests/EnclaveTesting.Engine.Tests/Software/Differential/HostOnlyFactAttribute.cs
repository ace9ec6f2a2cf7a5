using System.Runtime.InteropServices;

namespace EnclaveTesting.Engine.Tests.Software.Differential;

/// <summary>A test that executes guest instructions on the host's processor: x86-64 Linux with AVX only.</summary>
public sealed class HostOnlyFactAttribute : FactAttribute
{
    public HostOnlyFactAttribute()
    {
        bool possible = OperatingSystem.IsLinux()
            && RuntimeInformation.ProcessArchitecture == Architecture.X64
            && System.Runtime.Intrinsics.X86.Avx.IsSupported;
        if (!possible)
            Skip = "Needs an x86-64 Linux host with AVX, whose processor is what is compared with.";
    }
}
