using System.Runtime.InteropServices;

namespace EnclaveTesting.Engine.Accelerators.Software.Cpu;

/// <summary>A page's translation. A tag is the page's linear address where the access may go the fast way, anything unaligned where not.</summary>
[StructLayout(LayoutKind.Sequential)]
internal struct TlbEntry
{
    /// <summary>In the low bits of a tag: never hits.</summary>
    public const ulong Invalid = 1;

    /// <summary>In the low bits of a tag: allowed, but not plain RAM (devices, pages with watched code or data breakpoints).</summary>
    public const ulong Slow = 2;

    /// <summary>In <see cref="Physical"/>: survives a load of CR3.</summary>
    public const ulong Global = 1;

    /// <summary>In <see cref="Physical"/>: part of a large page.</summary>
    public const ulong Large = 2;

    public ulong ReadTag;
    public ulong WriteTag;

    /// <summary>Host address minus linear address.</summary>
    public nint Addend;

    /// <summary>Physical address of the page, with <see cref="Global"/> and <see cref="Large"/>.</summary>
    public ulong Physical;
}
