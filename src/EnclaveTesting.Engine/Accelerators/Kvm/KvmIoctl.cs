using System.Runtime.CompilerServices;
using System.Runtime.InteropServices;
using System.Runtime.Versioning;

namespace EnclaveTesting.Engine.Accelerators.Kvm;

/// <summary>The ioctls of linux/kvm.h (x86-64), by their names there.</summary>
[SupportedOSPlatform("linux")]
internal static unsafe class KvmIoctl
{
    public const uint GetApiVersion = 0xAE00, CreateVm = 0xAE01, CheckExtension = 0xAE03, GetVcpuMmapSize = 0xAE04;
    public const uint GetSupportedCpuid = 0xC008AE05, SetUserMemoryRegion = 0x4020AE46, SetTssAddr = 0xAE47;
    public const uint SetIdentityMapAddr = 0x4008AE48, CreateIrqchip = 0xAE60, CreatePit2 = 0x4040AE77;
    public const uint Irqfd = 0x4020AE76, Ioeventfd = 0x4040AE79, CreateVcpu = 0xAE41, Run = 0xAE80;
    public const uint GetRegs = 0x8090AE81, SetRegs = 0x4090AE82, GetSregs = 0x8138AE83, SetSregs = 0x4138AE84;
    public const uint Translate = 0xC018AE85, SetMsrs = 0x4008AE89, SetFpu = 0x41A0AE8D, GetLapic = 0x8400AE8E;
    public const uint SetLapic = 0x4400AE8F, SetCpuid2 = 0x4008AE90, GetMpState = 0x8004AE98;
    public const uint SetMpState = 0x4004AE99, GetMsrs = 0xC008AE88, GetMsrIndexList = 0xC004AE02, GetVcpuEvents = 0x8040AE9F;
    public const uint SetVcpuEvents = 0x4040AEA0, GetDebugregs = 0x8080AEA1, SetDebugregs = 0x4080AEA2, GetXsave = 0x9000AEA4;
    public const uint GetXsave2 = 0x9000AECF, SetXsave = 0x5000AEA5, GetXcrs = 0x8188AEA6, SetXcrs = 0x4188AEA7, KvmclockCtrl = 0xAEAD;
    public const uint GetIrqchip = 0xC208AE62, SetIrqchip = 0x8208AE63, GetPit2 = 0x8070AE9F, SetPit2 = 0x4070AEA0;
    public const uint GetClock = 0x8030AE7C, SetClock = 0x4030AE7B, GetTscKhz = 0xAEA3;

    public const uint SetGuestDebug = 0x4048AE9B, EnableCap = 0x4068AEA3, X86SetMsrFilter = 0x4188AEC6;

    /// <summary>KVM's interface has had this version since Linux 2.6.22.</summary>
    public const int ApiVersion = 12;

    /// <summary>An ioctl whose argument is a number.</summary>
    /// <exception cref="KvmException">It failed.</exception>
    public static int Call(FileDescriptor fd, uint request, nint argument = 0, [CallerArgumentExpression(nameof(request))] string name = "")
    {
        int result = LibC.IoControl(fd, request, argument);
        return result >= 0 ? result : throw new KvmException(KernelName(name), Marshal.GetLastPInvokeError());
    }

    /// <summary>An ioctl whose argument is a structure.</summary>
    /// <exception cref="KvmException">It failed.</exception>
    public static int Call<T>(FileDescriptor fd, uint request, ref T argument, [CallerArgumentExpression(nameof(request))] string name = "")
        where T : unmanaged
    {
        fixed (T* pointer = &argument)
            return Call(fd, request, (nint)pointer, name);
    }

    // "KvmIoctl.SetUserMemoryRegion" -> "KVM_SET_USER_MEMORY_REGION", the name people search for.
    private static string KernelName(string expression)
    {
        string name = expression[(expression.LastIndexOf('.') + 1)..];
        return "KVM" + string.Concat(name.Select(c => char.IsUpper(c) ? "_" + c : char.ToUpperInvariant(c).ToString()));
    }
}
