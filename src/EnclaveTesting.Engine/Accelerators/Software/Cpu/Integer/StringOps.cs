using System.Runtime.CompilerServices;
using EnclaveTesting.Engine.Memory;
using Iced.Intel;

namespace EnclaveTesting.Engine.Accelerators.Software.Cpu.Integer;

/// <summary>
/// MOVS, STOS, LODS, CMPS, SCAS. Repeated ones keep their state in the registers, as the manual has it, so that they can
/// be left at any element and go on later; MOVS and STOS work a page at a time.
/// </summary>
internal static unsafe class StringOps
{
    /// <summary>In <see cref="Op.Vvvv"/>: REP or REPE.</summary>
    public const byte RepeatWhileEqual = 1;

    /// <summary>In <see cref="Op.Vvvv"/>: REPNE.</summary>
    public const byte RepeatWhileNotEqual = 2;

    private const int Accumulator = 0, Count = 1, Source = 6, Target = 7;

    public static void Register(OpTable table)
    {
        AddSize<byte>(table, 0);
        AddSize<ushort>(table, 1);
        AddSize<uint>(table, 2);
        AddSize<ulong>(table, 3);
    }

    private static bool Move<T>(SoftwareCpu cpu, Op* op)
        where T : unmanaged
    {
        if (op->Vvvv == 0)
            return MoveOne<T>(cpu, op);
        while (ReadCount(cpu, op) != 0)
        {
            long done = MoveMany<T>(cpu, op);
            if (done == 0)
            {
                if (!MoveOne<T>(cpu, op))
                    return false;
                done = 1;
            }

            if (!Advance(cpu, op, done, done * sizeof(T)))
                return cpu.Restart(op);
        }

        return true;
    }

    private static bool Store<T>(SoftwareCpu cpu, Op* op)
        where T : unmanaged
    {
        if (op->Vvvv == 0)
            return StoreOne<T>(cpu, op);
        while (ReadCount(cpu, op) != 0)
        {
            long done = StoreMany<T>(cpu, op);
            if (done == 0)
            {
                if (!StoreOne<T>(cpu, op))
                    return false;
                done = 1;
            }

            if (!Advance(cpu, op, done, done * sizeof(T)))
                return cpu.Restart(op);
        }

        return true;
    }

    private static bool Load<T>(SoftwareCpu cpu, Op* op)
        where T : unmanaged
    {
        if (op->Vvvv == 0)
            return LoadOne<T>(cpu, op);
        while (ReadCount(cpu, op) != 0)
        {
            if (!LoadOne<T>(cpu, op))
                return false;
            if (!Advance(cpu, op, 1, sizeof(T)))
                return cpu.Restart(op);
        }

        return true;
    }

    private static bool Compare<T>(SoftwareCpu cpu, Op* op)
        where T : unmanaged
    {
        if (op->Vvvv == 0)
            return CompareOne<T>(cpu, op);
        while (ReadCount(cpu, op) != 0)
        {
            if (!CompareOne<T>(cpu, op))
                return false;
            bool goOn = Advance(cpu, op, 1, sizeof(T));
            if (cpu.State->Zero != (op->Vvvv == RepeatWhileEqual))
                return true;
            if (!goOn)
                return cpu.Restart(op);
        }

        return true;
    }

    private static bool Scan<T>(SoftwareCpu cpu, Op* op)
        where T : unmanaged
    {
        if (op->Vvvv == 0)
            return ScanOne<T>(cpu, op);
        while (ReadCount(cpu, op) != 0)
        {
            if (!ScanOne<T>(cpu, op))
                return false;
            bool goOn = Advance(cpu, op, 1, sizeof(T));
            if (cpu.State->Zero != (op->Vvvv == RepeatWhileEqual))
                return true;
            if (!goOn)
                return cpu.Restart(op);
        }

        return true;
    }

    private static bool MoveOne<T>(SoftwareCpu cpu, Op* op)
        where T : unmanaged
    {
        CpuState* state = cpu.State;
        if (!cpu.TryLoad(cpu.SourceAddress(op, state->Gpr[Source], sizeof(T)), out T value)
            || !cpu.TryStore(cpu.TargetAddress(op, state->Gpr[Target], sizeof(T)), value))
            return false;
        Step(cpu, op, Source, Stride<T>(state));
        Step(cpu, op, Target, Stride<T>(state));
        return true;
    }

    private static bool StoreOne<T>(SoftwareCpu cpu, Op* op)
        where T : unmanaged
    {
        CpuState* state = cpu.State;
        if (!cpu.TryStore(cpu.TargetAddress(op, state->Gpr[Target], sizeof(T)), Width.Get<T>(state, Accumulator)))
            return false;
        Step(cpu, op, Target, Stride<T>(state));
        return true;
    }

    private static bool LoadOne<T>(SoftwareCpu cpu, Op* op)
        where T : unmanaged
    {
        CpuState* state = cpu.State;
        if (!cpu.TryLoad(cpu.SourceAddress(op, state->Gpr[Source], sizeof(T)), out T value))
            return false;
        Width.Set(state, Accumulator, value);
        Step(cpu, op, Source, Stride<T>(state));
        return true;
    }

    private static bool CompareOne<T>(SoftwareCpu cpu, Op* op)
        where T : unmanaged
    {
        CpuState* state = cpu.State;
        if (!cpu.TryLoad(cpu.SourceAddress(op, state->Gpr[Source], sizeof(T)), out T left)
            || !cpu.TryLoad(cpu.TargetAddress(op, state->Gpr[Target], sizeof(T)), out T right))
            return false;
        Subtract.Apply(state, left, right);
        Step(cpu, op, Source, Stride<T>(state));
        Step(cpu, op, Target, Stride<T>(state));
        return true;
    }

    private static bool ScanOne<T>(SoftwareCpu cpu, Op* op)
        where T : unmanaged
    {
        CpuState* state = cpu.State;
        if (!cpu.TryLoad(cpu.TargetAddress(op, state->Gpr[Target], sizeof(T)), out T value))
            return false;
        Subtract.Apply(state, Width.Get<T>(state, Accumulator), value);
        Step(cpu, op, Target, Stride<T>(state));
        return true;
    }

    /// <summary>Moves what lies on one page at both ends, in 64-bit code; 0 if it must go element by element.</summary>
    private static long MoveMany<T>(SoftwareCpu cpu, Op* op)
        where T : unmanaged
    {
        CpuState* state = cpu.State;
        if (op->AddressSize != 8)
            return 0;
        long stride = Stride<T>(state);
        ulong source = cpu.SourceAddress(op, state->Gpr[Source], sizeof(T)), target = state->Gpr[Target];
        ulong count = Math.Min(ReadCount(cpu, op), Math.Min(OnPage<T>(source, stride), OnPage<T>(target, stride)));
        if (count == 0)
            return 0;
        byte* from = cpu.PinForRead(source);
        if (from == null)
            return 0;
        byte* to = cpu.PinForWrite(target);
        if (to == null)
            return 0;
        ulong bytes = count * (uint)sizeof(T);
        long distance = stride > 0 ? to - from : from - to;
        if (distance > 0 && (ulong)distance < bytes)
        {
            // What was just stored is read again: memmove would not do that.
            for (long i = 0; i < (long)count; i++)
                Unsafe.WriteUnaligned(to + (i * stride), Unsafe.ReadUnaligned<T>(from + (i * stride)));
        }
        else
        {
            long lowest = stride > 0 ? 0 : (long)(count - 1) * stride;
            Buffer.MemoryCopy(from + lowest, to + lowest, bytes, bytes);
        }

        state->Gpr[Source] += count * (ulong)stride;
        state->Gpr[Target] += count * (ulong)stride;
        return (long)count;
    }

    private static long StoreMany<T>(SoftwareCpu cpu, Op* op)
        where T : unmanaged
    {
        CpuState* state = cpu.State;
        if (op->AddressSize != 8)
            return 0;
        long stride = Stride<T>(state);
        ulong target = state->Gpr[Target];
        ulong count = Math.Min(ReadCount(cpu, op), OnPage<T>(target, stride));
        if (count == 0)
            return 0;
        byte* to = cpu.PinForWrite(target);
        if (to == null)
            return 0;
        long lowest = stride > 0 ? 0 : (long)(count - 1) * stride;
        new Span<T>(to + lowest, (int)count).Fill(Width.Get<T>(state, Accumulator));
        state->Gpr[Target] += count * (ulong)stride;
        return (long)count;
    }

    /// <summary>How many elements from an address on, in the direction of the stride, lie wholly on its page.</summary>
    private static ulong OnPage<T>(ulong address, long stride)
        where T : unmanaged
    {
        const ulong page = MemoryLayout.PageSize;
        ulong offset = address & (page - 1);
        if (stride > 0)
            return (page - offset) / (uint)sizeof(T);
        return offset + (uint)sizeof(T) <= page ? (offset / (uint)sizeof(T)) + 1 : 0;
    }

    /// <summary>Counts down; false if the instruction must let go before the next element.</summary>
    private static bool Advance(SoftwareCpu cpu, Op* op, long elements, long bytes)
    {
        ulong left = ReadCount(cpu, op) - (ulong)elements;
        WriteIndex(cpu, op, Count, left);
        cpu.Charge(bytes);
        return left == 0 || !cpu.MustYield;
    }

    internal static ulong ReadCount(SoftwareCpu cpu, Op* op)
    {
        ulong count = cpu.State->Gpr[Count];
        return op->AddressSize switch { 8 => count, 4 => (uint)count, _ => (ushort)count };
    }

    internal static void CountDown(SoftwareCpu cpu, Op* op) => WriteIndex(cpu, op, Count, ReadCount(cpu, op) - 1);

    /// <summary>Moves rSI or rDI.</summary>
    internal static void Step(SoftwareCpu cpu, Op* op, int register, long stride) =>
        WriteIndex(cpu, op, register, cpu.State->Gpr[register] + (ulong)stride);

    internal static long Stride<T>(CpuState* state)
        where T : unmanaged => (state->OtherFlags & CpuState.Df) != 0 ? -sizeof(T) : sizeof(T);

    private static void WriteIndex(SoftwareCpu cpu, Op* op, int register, ulong value)
    {
        if (op->AddressSize == 8)
            cpu.State->Gpr[register] = value;
        else if (op->AddressSize == 4)
            Width.Set(cpu.State, register, (uint)value);
        else
            Width.Set(cpu.State, register, (ushort)value);
    }

    private static void AddSize<T>(OpTable table, int size)
        where T : unmanaged
    {
        table.Add(Code.Movsb_m8_m8 + size, &Move<T>);
        table.Add(Code.Cmpsb_m8_m8 + size, &Compare<T>);
        table.Add(Code.Stosb_m8_AL + size, &Store<T>);
        table.Add(Code.Lodsb_AL_m8 + size, &Load<T>);
        table.Add(Code.Scasb_AL_m8 + size, &Scan<T>);
    }
}
