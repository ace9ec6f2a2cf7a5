using System.Runtime.CompilerServices;
using EnclaveTesting.Engine.Memory;

namespace EnclaveTesting.Engine.Accelerators.Software.Cpu;

/// <summary>From linear to physical addresses: the TLB behind the fast path, and the walk through the page tables (SDM vol. 3, chapter 4).</summary>
internal sealed unsafe partial class SoftwareCpu
{
    /// <summary>Bits of a physical address, as CPUID 0x80000008 tells.</summary>
    internal const int PhysicalAddressBits = 46;

    internal const int TlbEntries = 512;
    private const int UserTlb = 0, SupervisorTlb = 1, SupervisorAcTlb = 2, TlbParts = 3;
    private const nuint TlbBytes = TlbParts * TlbEntries * 32;

    private const ulong PtePresent = 1, PteWritable = 2, PteUser = 4, PteAccessed = 0x20, PteDirty = 0x40, PteLarge = 0x80, PteGlobal = 0x100;
    private const ulong PteNoExecute = 1UL << 63;
    private const ulong PhysicalMask = (1UL << PhysicalAddressBits) - 1;
    private const ulong PteAddress = PhysicalMask & ~0xFFFUL;
    private const ulong PteBeyondPhysical = 0x000F_FFFF_FFFF_F000 & ~PhysicalMask;
    private const ulong PaeReserved = 0x7FF0_0000_0000_0000 | PteBeyondPhysical;

    private const uint FaultProtection = 1, FaultWrite = 2, FaultUser = 4, FaultReserved = 8, FaultFetch = 16;

    private readonly TlbEntry* _tlb;
    private bool _tlbHasLarge;

    // Entries filled with mappings that are not global since they were last forgotten: what a load of CR3 has to look at.
    private readonly ushort[] _localEntries = new ushort[TlbParts * TlbEntries];
    private int _localCount;

    // Which pages the TLB may hold for writing, a bit for each, and one for several where there are more: a look at all entries is rarely needed.
    private const int WritableBits = 1 << 16;
    private readonly ulong[] _writable = new ulong[WritableBits / 64];

    /// <summary>Translates for an access of the current privilege; the TLB has the page afterwards.</summary>
    [MethodImpl(Jit.Hot)]
    private bool TryTranslate(ulong linear, Access access, out ulong physical)
    {
        ulong page = linear & PageMask;
        TlbEntry* entry = Tlb + ((linear >> 12) & (TlbEntries - 1));
        ulong tag = access == Access.Write ? entry->WriteTag : entry->ReadTag;
        if (access != Access.Execute && (tag & (PageMask | TlbEntry.Invalid)) == page)
        {
            // A page that had code and has none any more may be written the fast way again.
            if (access != Access.Write || (tag & TlbEntry.Slow) == 0 || entry->Addend == 0 || _code.IsWatched(entry->Physical & PageMask))
            {
                physical = (entry->Physical & PageMask) | (linear & PageOffset);
                return true;
            }
        }

        physical = 0;
        if (!CheckCanonical(linear))
            return false;
        int part = (int)((Tlb - _tlb) / TlbEntries);
        Translation translation = default;
        if (!Walk(linear, access, part, ref translation))
            return RaisePageFault(linear, translation.ErrorCode);
        physical = translation.Physical | (linear & PageOffset);
        if (access != Access.Execute)
            Fill(entry, page, translation);
        return true;
    }

    /// <summary>Puts a page into the TLB if the access is allowed; raises nothing.</summary>
    private bool TryFill(ulong linear, Access access)
    {
        if (!IsInRange(linear))
            return false;
        Translation translation = default;
        if (!Walk(linear, access, (int)((Tlb - _tlb) / TlbEntries), ref translation))
            return false;
        Fill(Tlb + ((linear >> 12) & (TlbEntries - 1)), linear & PageMask, translation);
        return true;
    }

    private bool IsInRange(ulong linear) => (State->Efer & EferBits.LongModeActive) == 0 ? linear <= uint.MaxValue : IsCanonical(linear);

    private bool CheckCanonical(ulong linear)
    {
        if (IsInRange(linear))
            return true;
        return (linear & StackViolation) == StackViolation && (linear >> 63) == 0
            ? RaiseException(ExceptionVector.StackFault, 0)
            : RaiseGeneralProtection();
    }

    [MethodImpl(Jit.Hot)]
    private void Fill(TlbEntry* entry, ulong page, in Translation translation)
    {
        entry->Physical = translation.Physical | (translation.Global ? TlbEntry.Global : 0) | (translation.Large ? TlbEntry.Large : 0);
        _tlbHasLarge |= translation.Large;
        ulong slow = 0, writeSlow = 0;
        if (_memory.TryTranslate(translation.Physical, PageSize, out ulong offset))
        {
            entry->Addend = (nint)((ulong)_memory.HostBase + offset - page);
            writeSlow = _code.IsWatched(translation.Physical) ? TlbEntry.Slow : 0;
        }
        else
        {
            entry->Addend = 0;
            slow = TlbEntry.Slow;
        }

        if ((_mode & CpuMode.Breakpoints) != 0 && IsWatchedByBreakpoint(page))
            slow = TlbEntry.Slow;
        if (!translation.Global)
            NoteLocal(entry);
        entry->ReadTag = page | slow;
        entry->WriteTag = translation.MayWrite ? page | slow | writeSlow : TlbEntry.Invalid;
        if (translation.MayWrite)
            Writable(translation.Physical) |= WritableBit(translation.Physical);
    }

    private void NoteLocal(TlbEntry* entry)
    {
        // More than there are entries means that some were filled again and again; all are looked at then.
        if (_localCount < _localEntries.Length)
            _localEntries[_localCount] = (ushort)(entry - _tlb);
        if (_localCount <= _localEntries.Length)
            _localCount++;
    }

    [MethodImpl(Jit.Hot)]
    private bool Walk(ulong linear, Access access, int part, ref Translation translation)
    {
        CpuState* state = State;
        if ((state->Cr0 & ControlBits.Cr0Pg) == 0)
        {
            translation.Physical = linear & PageMask;
            translation.MayWrite = true;
            return true;
        }

        if ((state->Cr4 & ControlBits.Cr4Pae) == 0)
            return Walk32(linear, access, part, ref translation);

        bool isLong = (state->Efer & EferBits.LongModeActive) != 0;
        bool noExecute = (state->Efer & EferBits.NoExecute) != 0;
        ulong reserved = (isLong ? PteBeyondPhysical : PaeReserved) | (noExecute ? 0 : PteNoExecute);
        ulong rights = PteWritable | PteUser;
        ulong denied = 0;
        ulong table = isLong ? state->Cr3 & PteAddress : state->Cr3 & 0xFFFF_FFE0;
        int level = isLong ? 4 : 3;
        ulong* upper = stackalloc ulong[4];
        int used = 0;
        ulong pte, address;
        while (true)
        {
            int shift = 3 + (9 * level);
            uint index = (uint)(linear >> shift) & (level == 3 && !isLong ? 3u : 511u);
            address = table + (index * 8);
            if (!_memory.TryRead(new GuestAddress(address), out pte) || (pte & PtePresent) == 0)
                return Fail(access, part, 0, ref translation);
            bool isPointer = level == 3 && !isLong;
            bool isLarge = (pte & PteLarge) != 0 && level is 2 or 3 && !isPointer;
            ulong levelReserved = reserved;
            if (isPointer)
                levelReserved |= 0x1E6 | PteNoExecute;
            else if (level == 4)
                levelReserved |= PteLarge;
            else if (isLarge)
                levelReserved |= level == 3 ? 0x3FFF_E000UL : 0x1F_E000UL;
            if ((pte & levelReserved) != 0)
                return Fail(access, part, FaultProtection | FaultReserved, ref translation);
            if (!isPointer)
            {
                rights &= pte;
                denied |= pte;
            }

            if (level == 1 || isLarge)
                break;
            if (!isPointer && (pte & PteAccessed) == 0)
                upper[used++] = address;
            table = pte & PteAddress;
            level--;
        }

        bool mayExecute = (denied & PteNoExecute) == 0;
        if (!Check(access, part, rights, mayExecute, out translation.MayWrite))
            return Fail(access, part, FaultProtection, ref translation);
        for (int i = 0; i < used; i++)
        {
            _ = _memory.TryRead(new GuestAddress(upper[i]), out ulong value);
            WriteEntry(upper[i], value | PteAccessed, 8);
        }

        MarkUsed(address, pte, access, 8, ref translation.MayWrite);
        translation.Global = (pte & PteGlobal) != 0 && (state->Cr4 & ControlBits.Cr4Pge) != 0;
        translation.Large = level > 1;
        ulong within = (1UL << (3 + (9 * level))) - 1;
        translation.Physical = ((pte & PteAddress & ~within) | (linear & within)) & PageMask;
        return true;
    }

    private bool Walk32(ulong linear, Access access, int part, ref Translation translation)
    {
        CpuState* state = State;
        ulong directoryAddress = (state->Cr3 & 0xFFFF_F000) + ((linear >> 22) * 4);
        if (!_memory.TryRead(new GuestAddress(directoryAddress), out uint directory) || (directory & PtePresent) == 0)
            return Fail(access, part, 0, ref translation);
        bool large = (directory & PteLarge) != 0 && (state->Cr4 & ControlBits.Cr4Pse) != 0;
        ulong address = directoryAddress;
        uint pte = directory;
        ulong rights = directory;
        ulong physical;
        if (large)
        {
            // PSE-36: bits 20:13 are bits 39:32 of the address; bit 21 is reserved.
            if ((directory & (1U << 21)) != 0)
                return Fail(access, part, FaultProtection | FaultReserved, ref translation);
            physical = (directory & 0xFFC0_0000) | ((ulong)((directory >> 13) & 0xFF) << 32) | (linear & 0x3F_F000);
        }
        else
        {
            address = (directory & 0xFFFF_F000) + (((linear >> 12) & 1023) * 4);
            if (!_memory.TryRead(new GuestAddress(address), out pte) || (pte & PtePresent) == 0)
                return Fail(access, part, 0, ref translation);
            rights &= pte;
            physical = pte & 0xFFFF_F000;
        }

        if (!Check(access, part, rights, true, out translation.MayWrite))
            return Fail(access, part, FaultProtection, ref translation);
        if (!large && (directory & PteAccessed) == 0)
            WriteEntry(directoryAddress, directory | PteAccessed, 4);
        MarkUsed(address, pte, access, 4, ref translation.MayWrite);
        translation.Physical = physical;
        translation.Global = (pte & PteGlobal) != 0 && (state->Cr4 & ControlBits.Cr4Pge) != 0;
        translation.Large = large;
        return true;
    }

    /// <summary>Whether the rights allow the access; <paramref name="mayWrite"/> says it for writes whatever the access is.</summary>
    [MethodImpl(Jit.Hot)]
    private bool Check(Access access, int part, ulong rights, bool mayExecute, out bool mayWrite)
    {
        bool writable = (rights & PteWritable) != 0;
        bool user = (rights & PteUser) != 0;
        if (part == UserTlb)
        {
            mayWrite = user && writable;
            return user && (access != Access.Write || writable) && (access != Access.Execute || mayExecute);
        }

        mayWrite = writable || (State->Cr0 & ControlBits.Cr0Wp) == 0;
        if (access == Access.Execute)
            return mayExecute && !(user && (State->Cr4 & ControlBits.Cr4Smep) != 0);
        if (user && part == SupervisorTlb && (State->Cr4 & ControlBits.Cr4Smap) != 0)
            return false;
        return access != Access.Write || mayWrite;
    }

    /// <summary>Sets accessed and dirty; a page that is not dirty yet comes back here for its first write.</summary>
    private void MarkUsed(ulong address, ulong pte, Access access, int size, ref bool mayWrite)
    {
        ulong wanted = pte | PteAccessed | (access == Access.Write ? PteDirty : 0);
        if (wanted != pte)
            WriteEntry(address, wanted, size);
        mayWrite &= (wanted & PteDirty) != 0;
    }

    private void WriteEntry(ulong address, ulong value, int size) => WritePhysical(address, (byte*)&value, size);

    private bool Fail(Access access, int part, uint reason, ref Translation translation)
    {
        uint code = reason | (access == Access.Write ? FaultWrite : 0) | (part == UserTlb ? FaultUser : 0);
        bool tellsFetch = (State->Efer & EferBits.NoExecute) != 0 || (State->Cr4 & ControlBits.Cr4Smep) != 0;
        if (access == Access.Execute && tellsFetch)
            code |= FaultFetch;
        translation.ErrorCode = code;
        return false;
    }

    private static bool IsCanonical(ulong linear) => (ulong)((long)(linear << 16) >> 16) == linear;

    /// <summary>After a change of CPL, RFLAGS.AC or CR4.SMAP.</summary>
    internal void SelectTlb()
    {
        int part = State->Cpl == 3 ? UserTlb
            : (State->OtherFlags & CpuState.Ac) != 0 && (State->Cr4 & ControlBits.Cr4Smap) != 0 ? SupervisorAcTlb : SupervisorTlb;
        Tlb = _tlb + (part * TlbEntries);
    }

    /// <summary>Forgets all translations.</summary>
    private void FlushTlb()
    {
        new Span<byte>(_tlb, (int)TlbBytes).Fill((byte)TlbEntry.Invalid);
        _writable.AsSpan().Clear();
        _tlbHasLarge = false;
        _localCount = 0;
        NewGeneration();
    }

    /// <summary>Forgets all translations but the global ones.</summary>
    [MethodImpl(Jit.Hot)]
    private void FlushTlbLocal()
    {
        if (_localCount > _localEntries.Length)
        {
            for (int i = 0; i < TlbParts * TlbEntries; i++)
                ForgetLocal(_tlb + i);
        }
        else
        {
            for (int i = 0; i < _localCount; i++)
                ForgetLocal(_tlb + _localEntries[i]);
        }

        _localCount = 0;
        NewGeneration();
    }

    private static void ForgetLocal(TlbEntry* entry)
    {
        if ((entry->Physical & TlbEntry.Global) == 0)
            entry->ReadTag = entry->WriteTag = TlbEntry.Invalid;
    }

    /// <summary>INVLPG.</summary>
    private void FlushPage(ulong linear)
    {
        ulong page = linear & PageMask;
        for (int part = 0; part < TlbParts; part++)
        {
            TlbEntry* entry = _tlb + (part * TlbEntries) + ((linear >> 12) & (TlbEntries - 1));
            if ((entry->ReadTag & PageMask) == page || (entry->WriteTag & PageMask) == page)
                entry->ReadTag = entry->WriteTag = TlbEntry.Invalid;
        }

        if (_tlbHasLarge)
            FlushLarge(linear);
        NewGeneration();
    }

    private void FlushLarge(ulong linear)
    {
        const int gibibyte = 30;
        TlbEntry* end = _tlb + (TlbParts * TlbEntries);
        for (TlbEntry* entry = _tlb; entry < end; entry++)
        {
            // The size of the large page is not kept; a gibibyte is the largest.
            if ((entry->Physical & TlbEntry.Large) != 0 && (entry->ReadTag >> gibibyte) == (linear >> gibibyte))
                entry->ReadTag = entry->WriteTag = TlbEntry.Invalid;
        }
    }

    /// <summary>A page of RAM has code now: stores to it must be seen.</summary>
    [MethodImpl(Jit.Hot)]
    internal void WatchPage(ulong physical)
    {
        if ((Writable(physical) & WritableBit(physical)) == 0)
            return;
        TlbEntry* end = _tlb + (TlbParts * TlbEntries);
        for (TlbEntry* entry = _tlb; entry < end; entry++)
        {
            if ((entry->Physical & PageMask) == physical && (entry->WriteTag & PageOffset) == 0)
                entry->WriteTag |= TlbEntry.Slow;
        }
    }

    private ref ulong Writable(ulong physical) => ref _writable[(physical >> 18) % (WritableBits / 64)];

    private static ulong WritableBit(ulong physical) => 1UL << (int)(physical >> 12);

    private struct Translation
    {
        public ulong Physical;
        public bool MayWrite, Global, Large;
        public uint ErrorCode;
    }
}
