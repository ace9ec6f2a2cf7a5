namespace EnclaveTesting.Cli.Tests;

/// <summary>A test with signals and shells; skipped elsewhere.</summary>
public sealed class UnixFactAttribute : FactAttribute
{
    public UnixFactAttribute()
    {
        if (OperatingSystem.IsWindows())
            Skip = "Needs Unix signals.";
    }
}
