using System.Runtime.InteropServices;
using System.Runtime.Versioning;

namespace EnclaveTesting.Engine.Accelerators.Kvm;

/// <summary>
/// The signal that gets a thread out of KVM_RUN. Its handler must be native, because a signal can hit a thread in any
/// state of the runtime; so the handler is a C library function that takes no arguments and does nothing harmful.
/// </summary>
[SupportedOSPlatform("linux")]
internal static unsafe class KickSignal
{
    // Real-time signals near the top of the range: the runtime and the C library use the lowest ones.
    private const int First = 58, Last = 50;

    private static readonly Lazy<int> Installed = new(Install);

    /// <summary>The signal's number; installs the handler on first use.</summary>
    /// <exception cref="AcceleratorUnavailableException">The process uses all candidates for something else.</exception>
    public static int Number => Installed.Value;

    private static int Install()
    {
        nint handler = NativeLibrary.GetExport(NativeLibrary.Load("libc", typeof(KickSignal).Assembly, null), "getpid");
        for (int signal = First; signal >= Last; signal--)
        {
            LibC.SignalAction old = default;
            if (LibC.SigAction(signal, null, &old) != 0 || old.Handler != 0)
                continue;
            // No SA_RESTART: the signal is there to interrupt.
            LibC.SignalAction action = new() { Handler = handler };
            if (LibC.SigAction(signal, &action, null) == 0)
                return signal;
        }

        throw new AcceleratorUnavailableException($"No free real-time signal between {Last} and {First} to stop a virtual CPU with.");
    }
}
