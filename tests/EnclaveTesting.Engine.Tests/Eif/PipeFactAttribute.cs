namespace EnclaveTesting.Engine.Tests.Eif;

/// <summary>A test that opens a pipe by its path, as Linux allows; skipped elsewhere.</summary>
[AttributeUsage(AttributeTargets.Method)]
public sealed class PipeFactAttribute : FactAttribute
{
    public PipeFactAttribute()
    {
        if (!Directory.Exists("/proc/self/fd"))
            Skip = "Pipes have no path on this system.";
    }
}
