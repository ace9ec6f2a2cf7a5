using System.Runtime.InteropServices;
using System.Runtime.Versioning;

namespace EnclaveTesting.Engine.Accelerators.Kvm;

/// <summary>An owned file descriptor; closing it twice, or while a call uses it, is impossible.</summary>
[SupportedOSPlatform("linux")]
internal sealed class FileDescriptor : SafeHandle
{
    public FileDescriptor(int fd)
        : base(-1, ownsHandle: true) => SetHandle(fd);

    public override bool IsInvalid => handle < 0;

    /// <summary>The number, for structures handed to the kernel while this object is alive.</summary>
    public int Number => (int)handle;

    protected override bool ReleaseHandle() => LibC.Close((int)handle) == 0;
}
