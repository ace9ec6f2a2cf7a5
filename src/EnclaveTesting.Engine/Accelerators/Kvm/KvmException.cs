using System.ComponentModel;

namespace EnclaveTesting.Engine.Accelerators.Kvm;

/// <summary>A call into KVM failed; the message names the call and the errno.</summary>
internal sealed class KvmException : IOException
{
    public KvmException(string call, int error)
        : base($"{call} failed: {new Win32Exception(error).Message} (errno {error}).")
    {
        Call = call;
        Error = error;
    }

    /// <summary>The failing ioctl or system call.</summary>
    public string Call { get; }

    /// <summary>The errno.</summary>
    public int Error { get; }

    /// <summary>The same for callers that know nothing of KVM: the host cannot do what a machine needs.</summary>
    public AcceleratorUnavailableException ToUnavailable() => new($"KVM cannot create a machine: {Message}", this);
}
