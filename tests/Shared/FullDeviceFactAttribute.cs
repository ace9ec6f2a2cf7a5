namespace EnclaveTesting.Tests.Shared;

/// <summary>A test that writes to /dev/full, where no space is ever left; skipped where that is not.</summary>
[AttributeUsage(AttributeTargets.Method)]
public sealed class FullDeviceFactAttribute : FactAttribute
{
    public FullDeviceFactAttribute()
    {
        if (!File.Exists(FullDevice.Path))
            Skip = $"Needs {FullDevice.Path}.";
    }
}
