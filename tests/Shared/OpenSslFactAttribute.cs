using System.ComponentModel;

namespace EnclaveTesting.Tests.Shared;

/// <summary>A test that runs openssl's command line; skipped where there is none.</summary>
[AttributeUsage(AttributeTargets.Method)]
public sealed class OpenSslFactAttribute : FactAttribute
{
    public OpenSslFactAttribute()
    {
        try
        {
            OpenSsl.Run("version");
        }
        catch (Win32Exception)
        {
            Skip = "openssl is not installed.";
        }
    }
}
