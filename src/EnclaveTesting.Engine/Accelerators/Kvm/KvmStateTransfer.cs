using System.Globalization;
using System.Runtime.CompilerServices;
using System.Runtime.Versioning;

namespace EnclaveTesting.Engine.Accelerators.Kvm;

/// <summary>
/// Reads and writes the whole state of KVM's objects (Documentation/virt/kvm/api.rst). The order matters on both sides: reading the
/// multiprocessing state lets KVM settle what is pending; the local APIC needs the APIC base from the system registers, the TSC deadline needs
/// the local APIC and the TSC, and what is on its way comes last because setting registers drops it.
/// </summary>
[SupportedOSPlatform("linux")]
internal static unsafe class KvmStateTransfer
{
    /// <summary>Bytes of struct kvm_xsave.</summary>
    public const int ClassicExtendedSize = 4096;

    private const uint Tsc = 0x10, TscDeadline = 0x6E0;
    private const uint TimerLvt = 0x320, LvtMasked = 1 << 16, LvtModeMask = 3 << 17, LvtDeadlineMode = 2 << 17;

    /// <summary>
    /// The registers to save, in the order in which they are set. KVM's list lacks the memory types; it has the capabilities of nested
    /// virtualization, which no guest here has, and kvmclock's old numbers, which are other names of the new ones.
    /// </summary>
    public static uint[] ListMsrs(FileDescriptor kvm)
    {
        const uint vmxFirst = 0x480, vmxLast = 0x491, oldClockFirst = 0x11, oldClockLast = 0x12, asyncAcknowledge = 0x4B56_4D07;
        ReadOnlySpan<uint> memoryTypes =
        [
            0x200, 0x201, 0x202, 0x203, 0x204, 0x205, 0x206, 0x207, 0x208, 0x209, 0x20A, 0x20B, 0x20C, 0x20D, 0x20E, 0x20F,
            0x250, 0x258, 0x259, 0x268, 0x269, 0x26A, 0x26B, 0x26C, 0x26D, 0x26E, 0x26F, 0x2FF,
        ];
        var list = new KvmMsrList { Count = KvmMsrList.Capacity };
        KvmIoctl.Call(kvm, KvmIoctl.GetMsrIndexList, ref list);
        var indices = new SortedSet<uint>(new ReadOnlySpan<uint>(list.Indices, (int)list.Count).ToArray());
        indices.UnionWith(memoryTypes.ToArray());
        indices.RemoveWhere(index => index is (>= vmxFirst and <= vmxLast) or (>= oldClockFirst and <= oldClockLast) or asyncAcknowledge or Tsc or TscDeadline);
        return [Tsc, .. indices, TscDeadline];
    }

    /// <summary>Reads a CPU that is not running.</summary>
    /// <param name="cpu">Its descriptor.</param>
    /// <param name="cpuid">What it was given.</param>
    /// <param name="msrs">From <see cref="ListMsrs"/>.</param>
    /// <param name="extendedSize">KVM_CAP_XSAVE2: bytes of the extended state; 0 where KVM does not say, for XSAVE's first 4096 bytes.</param>
    public static KvmVirtualCpuState Capture(FileDescriptor cpu, in KvmCpuidTable cpuid, uint[] msrs, int extendedSize)
    {
        var state = new KvmVirtualCpuState
        {
            Cpuid = cpuid.ToArray(),
            MpState = Get<uint>(cpu, KvmIoctl.GetMpState),
            Registers = Get<KvmRegs>(cpu, KvmIoctl.GetRegs),
            SystemRegisters = Get<KvmSregs>(cpu, KvmIoctl.GetSregs),
            Extended = ReadExtended(cpu, extendedSize),
            ExtendedControl = Get<KvmXcrs>(cpu, KvmIoctl.GetXcrs),
            DebugRegisters = Get<KvmDebugRegs>(cpu, KvmIoctl.GetDebugregs),
            LocalApic = Get<KvmLapicState>(cpu, KvmIoctl.GetLapic),
            Msrs = ReadMsrs(cpu, msrs),
            Events = Get<KvmVcpuEvents>(cpu, KvmIoctl.GetVcpuEvents),
        };
        RearmDeadline(state);
        return state;
    }

    /// <summary>Writes a CPU that has not run yet, in a machine whose own state is there already.</summary>
    /// <param name="cpu">Its descriptor.</param>
    /// <param name="state">What another one was.</param>
    /// <param name="extendedSize">KVM_CAP_XSAVE2 of this host.</param>
    /// <exception cref="KvmException">This host's KVM does not take the state.</exception>
    public static void Apply(FileDescriptor cpu, KvmVirtualCpuState state, int extendedSize)
    {
        // KVM reads as many bytes as this host's processor has state, whatever is behind the pointer.
        if (state.Extended.Length < Math.Max(extendedSize, ClassicExtendedSize))
            throw new KvmException($"KVM_SET_XSAVE with {state.Extended.Length} bytes", LibC.InvalidArgument);
        if (state.Cpuid.Length > KvmCpuidTable.Capacity)
            throw new KvmException($"KVM_SET_CPUID2 with {state.Cpuid.Length} entries", LibC.InvalidArgument);
        var cpuid = KvmCpuidTable.From(state.Cpuid);
        KvmIoctl.Call(cpu, KvmIoctl.SetCpuid2, ref cpuid);
        Set(cpu, KvmIoctl.SetMpState, state.MpState);
        Set(cpu, KvmIoctl.SetRegs, state.Registers);
        Set(cpu, KvmIoctl.SetSregs, state.SystemRegisters);
        fixed (byte* extended = state.Extended)
            KvmIoctl.Call(cpu, KvmIoctl.SetXsave, (nint)extended);
        Set(cpu, KvmIoctl.SetXcrs, state.ExtendedControl);
        Set(cpu, KvmIoctl.SetDebugregs, state.DebugRegisters);
        Set(cpu, KvmIoctl.SetLapic, state.LocalApic);
        WriteMsrs(cpu, state.Msrs);
        Set(cpu, KvmIoctl.SetVcpuEvents, state.Events);
    }

    /// <summary>Reads what a machine has besides its CPUs, while none of them runs.</summary>
    public static KvmMachineState Capture(FileDescriptor vm) => new()
    {
        PicMaster = ReadChip(vm, KvmIrqchip.PicMaster),
        PicSlave = ReadChip(vm, KvmIrqchip.PicSlave),
        IoApic = ReadChip(vm, KvmIrqchip.IoApic),
        Pit = Get<KvmPitState>(vm, KvmIoctl.GetPit2),
        Clock = Get<KvmClockData>(vm, KvmIoctl.GetClock).Clock,
    };

    /// <summary>Writes what a machine has besides its CPUs; before <see cref="Apply(FileDescriptor, KvmVirtualCpuState, int)"/>.</summary>
    /// <exception cref="KvmException">This host's KVM does not take the state.</exception>
    public static void Apply(FileDescriptor vm, KvmMachineState state)
    {
        Set(vm, KvmIoctl.SetClock, new KvmClockData { Clock = state.Clock });
        Set(vm, KvmIoctl.SetIrqchip, state.PicMaster with { Chip = KvmIrqchip.PicMaster });
        Set(vm, KvmIoctl.SetIrqchip, state.PicSlave with { Chip = KvmIrqchip.PicSlave });
        Set(vm, KvmIoctl.SetIrqchip, state.IoApic with { Chip = KvmIrqchip.IoApic });
        Set(vm, KvmIoctl.SetPit2, state.Pit);
    }

    private static T Get<T>(FileDescriptor fd, uint request, [CallerArgumentExpression(nameof(request))] string name = "")
        where T : unmanaged
    {
        T value = default;
        KvmIoctl.Call(fd, request, ref value, name);
        return value;
    }

    private static void Set<T>(FileDescriptor fd, uint request, T value, [CallerArgumentExpression(nameof(request))] string name = "")
        where T : unmanaged => KvmIoctl.Call(fd, request, ref value, name);

    private static byte[] ReadExtended(FileDescriptor cpu, int size)
    {
        byte[] extended = new byte[Math.Max(size, ClassicExtendedSize)];
        fixed (byte* pointer = extended)
        {
            if (size > 0)
                KvmIoctl.Call(cpu, KvmIoctl.GetXsave2, (nint)pointer);
            else
                KvmIoctl.Call(cpu, KvmIoctl.GetXsave, (nint)pointer);
        }

        return extended;
    }

    private static KvmMsrEntry[] ReadMsrs(FileDescriptor cpu, uint[] indices)
    {
        var entries = new List<KvmMsrEntry>(indices.Length);
        foreach (uint index in indices)
        {
            // KVM's list is that of the host; the guest's CPUID may hide some.
            if (TryReadMsr(cpu, index, out ulong value))
                entries.Add(new KvmMsrEntry { Index = index, Value = value });
        }

        return [.. entries];
    }

    /// <summary>Reads a model-specific register; false where KVM does not have it.</summary>
    public static bool TryReadMsr(FileDescriptor cpu, uint index, out ulong value)
    {
        var msr = new KvmOneMsr { Count = 1, Entry = new KvmMsrEntry { Index = index } };
        bool done = KvmIoctl.Call(cpu, KvmIoctl.GetMsrs, ref msr) == 1;
        value = msr.Entry.Value;
        return done;
    }

    /// <summary>Writes a model-specific register; false where KVM does not take the value.</summary>
    public static bool TryWriteMsr(FileDescriptor cpu, uint index, ulong value)
    {
        var msr = new KvmOneMsr { Count = 1, Entry = new KvmMsrEntry { Index = index, Value = value } };
        return KvmIoctl.Call(cpu, KvmIoctl.SetMsrs, ref msr) == 1;
    }

    private static void WriteMsrs(FileDescriptor cpu, ReadOnlySpan<KvmMsrEntry> entries)
    {
        while (!entries.IsEmpty)
        {
            ReadOnlySpan<KvmMsrEntry> part = entries[..Math.Min(entries.Length, KvmMsrs.MostAtOnce)];
            int taken = SetMsrs(cpu, part);
            if (taken < part.Length)
            {
                RequireSame(cpu, part[taken]);
                taken++;
            }

            entries = entries[taken..];
        }
    }

    /// <summary>Writes registers in their order until KVM does not take one.</summary>
    /// <returns>How many it took.</returns>
    private static int SetMsrs(FileDescriptor cpu, ReadOnlySpan<KvmMsrEntry> entries)
    {
        byte* buffer = stackalloc byte[sizeof(KvmMsrs) + (KvmMsrs.MostAtOnce * sizeof(KvmMsrEntry))];
        *(KvmMsrs*)buffer = new KvmMsrs { Count = (uint)entries.Length };
        entries.CopyTo(new Span<KvmMsrEntry>(buffer + sizeof(KvmMsrs), entries.Length));
        return KvmIoctl.Call(cpu, KvmIoctl.SetMsrs, (nint)buffer);
    }

    // What describes the host can be read only; that is no loss where it says the same.
    private static void RequireSame(FileDescriptor cpu, KvmMsrEntry entry)
    {
        if (!TryReadMsr(cpu, entry.Index, out ulong value) || value != entry.Value)
            throw new KvmException(string.Create(CultureInfo.InvariantCulture, $"KVM_SET_MSRS of 0x{entry.Index:x} to 0x{entry.Value:x}"), LibC.InvalidArgument);
    }

    // A deadline that has passed reads as 0 before its interrupt is in the local APIC. So it is set to a time that has passed: at worst the guest
    // gets one timer interrupt more, where else it might wait for ever.
    private static void RearmDeadline(KvmVirtualCpuState state)
    {
        KvmLapicState apic = state.LocalApic;
        uint timer = *(uint*)(apic.Registers + TimerLvt);
        Span<KvmMsrEntry> msrs = state.Msrs;
        if (msrs.Length < 2 || msrs[0].Index != Tsc || msrs[^1].Index != TscDeadline)
            return;
        if ((timer & (LvtModeMask | LvtMasked)) == LvtDeadlineMode && msrs[^1].Value == 0)
            msrs[^1].Value = msrs[0].Value;
    }

    private static KvmIrqchip ReadChip(FileDescriptor vm, uint number)
    {
        var chip = new KvmIrqchip { Chip = number };
        KvmIoctl.Call(vm, KvmIoctl.GetIrqchip, ref chip);
        return chip;
    }
}
