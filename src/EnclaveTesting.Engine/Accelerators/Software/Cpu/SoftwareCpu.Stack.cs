namespace EnclaveTesting.Engine.Accelerators.Software.Cpu;

/// <summary>Pushes and pops in the width of the current stack. They move the caller's copy of the stack pointer, so that a fault leaves RSP alone.</summary>
internal sealed unsafe partial class SoftwareCpu
{
    internal bool TryPushAt<T>(ref ulong sp, T value)
        where T : unmanaged
    {
        ulong next = StepStack(sp, -sizeof(T), out ulong offset);
        ulong linear = StackAddress(offset, sizeof(T));
        if (!TryStore(linear, value))
            return BlameStack(linear);
        sp = next;
        return true;
    }

    internal bool TryPopAt<T>(ref ulong sp, out T value)
        where T : unmanaged
    {
        _ = StepStack(sp, 0, out ulong offset);
        ulong linear = StackAddress(offset, sizeof(T));
        if (!TryLoad(linear, out value))
            return BlameStack(linear);
        sp = StepStack(sp, sizeof(T), out _);
        return true;
    }

    /// <summary>Pushes or pops with the size of an operand: 2, 4 or 8.</summary>
    internal bool TryPushSized(ref ulong sp, ulong value, int size) => size switch
    {
        8 => TryPushAt(ref sp, value),
        4 => TryPushAt(ref sp, (uint)value),
        _ => TryPushAt(ref sp, (ushort)value),
    };

    internal bool TryPopSized(ref ulong sp, int size, out ulong value)
    {
        bool done;
        switch (size)
        {
            case 8:
                return TryPopAt(ref sp, out value);
            case 4:
                done = TryPopAt(ref sp, out uint wide);
                value = wide;
                return done;
            default:
                done = TryPopAt(ref sp, out ushort narrow);
                value = narrow;
                return done;
        }
    }

    /// <summary>The stack pointer moved by some bytes; <paramref name="offset"/> is what addresses the stack.</summary>
    internal ulong StepStack(ulong sp, long bytes, out ulong offset)
    {
        ulong next = sp + (ulong)bytes;
        if ((_mode & CpuMode.CodeSize) == CpuMode.Code64)
        {
            offset = next;
            return next;
        }

        if ((_mode & CpuMode.Stack32) != 0)
        {
            offset = (uint)next;
            return offset;
        }

        offset = (ushort)next;
        return (sp & ~0xFFFFUL) | offset;
    }

    /// <summary>A stack pointer with the value of BP, as LEAVE makes it.</summary>
    internal ulong StackPointerFrom(ulong frame) => (_mode & CpuMode.CodeSize) == CpuMode.Code64 ? frame
        : (_mode & CpuMode.Stack32) != 0 ? (uint)frame : (State->Gpr[4] & ~0xFFFFUL) | (ushort)frame;

    internal ulong StackAddress(ulong offset, int size) =>
        (_mode & CpuMode.CodeSize) == CpuMode.Code64 ? offset : SegmentedAddress(CpuState.Ss, offset, size);

    /// <summary>A stack access faulted: where the address is not canonical the fault is #SS. Always false.</summary>
    internal bool BlameStack(ulong linear)
    {
        if (_pendingVector == ExceptionVector.GeneralProtection && (_mode & CpuMode.CodeSize) == CpuMode.Code64 && !IsCanonical(linear))
            _pendingVector = ExceptionVector.StackFault;
        return false;
    }
}
