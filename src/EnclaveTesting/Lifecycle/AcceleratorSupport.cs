using EnclaveTesting.Engine.Accelerators;

namespace EnclaveTesting;

/// <summary>What this host can run.</summary>
public static class AcceleratorSupport
{
    /// <summary>Why an accelerator cannot be used on this host, in words; null if it can.</summary>
    public static string? WhyNot(Accelerator accelerator)
    {
        try
        {
            AcceleratorChoice.Resolve(accelerator);
            return null;
        }
        catch (AcceleratorUnavailableException exception)
        {
            return exception.Message;
        }
    }
}
