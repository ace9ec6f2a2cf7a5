using System.Buffers.Binary;
using V = System.Runtime.Intrinsics.Vector128<byte>;

namespace EnclaveTesting.Engine.Accelerators.Software.Cpu.Simd;

/// <summary>
/// XSAVE, XSAVEOPT, XSAVEC and XRSTOR for the components x87 (0), SSE (1) and AVX (2) (SDM vol. 1, 13.7 to 13.10).
/// The modified optimisation is not used: what is asked for is written, unless it is in its initial configuration.
/// </summary>
internal static unsafe class XsaveHandlers
{
    private const ulong Cr4OsXsave = 1 << 18;
    private const ulong Cr0TaskSwitched = 1 << 3;
    private const ulong X87 = 1;
    private const ulong Sse = 2;
    private const ulong Avx = 4;
    private const ulong Compacted = 1UL << 63;

    /// <summary>XSAVE. XSAVEOPT differs in that it does not write components in their initial configuration.</summary>
    public static bool Save<TWide, TOptimized>(SoftwareCpu cpu, Op* op)
        where TWide : struct, ScalarConversionHandlers.IChoice
        where TOptimized : struct, ScalarConversionHandlers.IChoice
    {
        if (!Check(cpu, op, out ulong address, out ulong requested))
            return false;
        Span<byte> header = stackalloc byte[8];
        if (!cpu.TryReadBytes(address + StateImage.LegacySize, header))
            return false;
        CpuState* state = cpu.State;
        ulong used = InUse(state);
        ulong written = TOptimized.Value ? requested & used : requested;
        ulong old = BinaryPrimitives.ReadUInt64LittleEndian(header);
        BinaryPrimitives.WriteUInt64LittleEndian(header, (old & ~requested) | (used & requested));
        if ((requested & (Sse | Avx)) != 0 && !WriteMxcsr(cpu, address))
            return false;
        return WriteComponents<TWide>(cpu, address, written) && cpu.TryWriteBytes(address + StateImage.LegacySize, header);
    }

    /// <summary>XSAVEC: the compacted format.</summary>
    public static bool SaveCompacted<TWide>(SoftwareCpu cpu, Op* op)
        where TWide : struct, ScalarConversionHandlers.IChoice
    {
        if (!Check(cpu, op, out ulong address, out ulong requested))
            return false;
        ulong written = requested & InUse(cpu.State);
        Span<byte> header = stackalloc byte[16];
        BinaryPrimitives.WriteUInt64LittleEndian(header, written);
        BinaryPrimitives.WriteUInt64LittleEndian(header[8..], requested | Compacted);
        if ((written & Sse) != 0 && !WriteMxcsr(cpu, address))
            return false;
        return WriteComponents<TWide>(cpu, address, written) && cpu.TryWriteBytes(address + StateImage.LegacySize, header);
    }

    /// <summary>XRSTOR, either format.</summary>
    public static bool Restore<TWide>(SoftwareCpu cpu, Op* op)
        where TWide : struct, ScalarConversionHandlers.IChoice
    {
        if (!Check(cpu, op, out ulong address, out ulong requested))
            return false;
        CpuState* state = cpu.State;
        Span<byte> image = stackalloc byte[StateImage.AvxOffset + StateImage.AvxSize];
        if (!cpu.TryReadBytes(address, image[..StateImage.AvxOffset]))
            return false;
        ReadOnlySpan<byte> header = image.Slice(StateImage.LegacySize, StateImage.HeaderSize);
        ulong present = BinaryPrimitives.ReadUInt64LittleEndian(header);
        ulong format = BinaryPrimitives.ReadUInt64LittleEndian(header[8..]);
        bool compacted = (format & Compacted) != 0;
        ulong components = format & ~Compacted;
        // The standard format must have zeros in the next 16 bytes, the compacted one in all that follow (13.8.1, 13.8.2).
        bool valid = compacted
            ? (components & ~state->Xcr0) == 0 && (present & ~components) == 0 && !header[16..].ContainsAnyExcept((byte)0)
            : (present & ~state->Xcr0) == 0 && format == 0 && !header[16..24].ContainsAnyExcept((byte)0);
        if (!valid)
            return cpu.RaiseGeneralProtection();
        uint mxcsr = BinaryPrimitives.ReadUInt32LittleEndian(image[StateImage.MxcsrOffset..]);
        bool loadMxcsr = compacted ? (requested & present & Sse) != 0 : (requested & (Sse | Avx)) != 0;
        if (loadMxcsr && (mxcsr & ~StateImage.MxcsrMask) != 0)
            return cpu.RaiseGeneralProtection();
        if ((requested & present & Avx) != 0 && !cpu.TryReadBytes(address + StateImage.AvxOffset, image[StateImage.AvxOffset..]))
            return false;

        int vectors = StateImage.VectorCount(state);
        if ((requested & X87) != 0)
            RestoreX87(state, image, (present & X87) != 0, TWide.Value);
        if (loadMxcsr)
            state->Mxcsr = mxcsr;
        else if ((requested & Sse) != 0)
            state->Mxcsr = StateImage.MxcsrDefault;
        if ((requested & Sse) != 0)
        {
            if ((present & Sse) == 0)
                image.Slice(StateImage.XmmOffset, 256).Clear();
            StateImage.ReadXmm(state, image[StateImage.XmmOffset..], vectors);
        }

        if ((requested & Avx) != 0)
        {
            if ((present & Avx) == 0)
                image[StateImage.AvxOffset..].Clear();
            StateImage.ReadUpper(state, image[StateImage.AvxOffset..], vectors);
        }

        return true;
    }

    /// <summary>XINUSE: the components that are not in their initial configuration.</summary>
    public static ulong InUse(CpuState* state)
    {
        ulong used = 0;
        if (!IsX87Initial(state))
            used |= X87;
        V lower = default;
        V upper = default;
        for (int i = 0; i < 16; i++)
        {
            lower |= SimdUnit.Xmm(state, i)[0];
            upper |= SimdUnit.Xmm(state, i)[1];
        }

        if (lower != V.Zero || state->Mxcsr != StateImage.MxcsrDefault)
            used |= Sse;
        if (upper != V.Zero)
            used |= Avx;
        return used;
    }

    private static bool Check(SoftwareCpu cpu, Op* op, out ulong address, out ulong requested)
    {
        CpuState* state = cpu.State;
        address = cpu.Address(op);
        requested = ((uint)state->Gpr[0] | (state->Gpr[2] << 32)) & state->Xcr0;
        if ((state->Cr4 & Cr4OsXsave) == 0)
            return cpu.RaiseUndefined();
        if ((state->Cr0 & Cr0TaskSwitched) != 0)
            return cpu.RaiseDeviceNotAvailable();
        return (address & 63) == 0 || cpu.RaiseGeneralProtection();
    }

    private static bool IsX87Initial(CpuState* state)
        => state->X87Control == StateImage.ControlDefault && state->X87Status == 0 && state->X87Tag == 0 && state->X87Opcode == 0
            && (state->X87InstructionPointer | state->X87DataPointer) == 0
            && (state->X87InstructionSelector | state->X87DataSelector) == 0
            && !new ReadOnlySpan<byte>(state->X87, 128).ContainsAnyExcept((byte)0);

    private static bool WriteMxcsr(SoftwareCpu cpu, ulong address)
        => cpu.TryStore(address + StateImage.MxcsrOffset, cpu.State->Mxcsr | ((ulong)StateImage.MxcsrMask << 32));

    private static bool WriteComponents<TWide>(SoftwareCpu cpu, ulong address, ulong components)
        where TWide : struct, ScalarConversionHandlers.IChoice
    {
        CpuState* state = cpu.State;
        Span<byte> image = stackalloc byte[StateImage.AvxSize];
        int vectors = StateImage.VectorCount(state);
        if ((components & X87) != 0)
        {
            StateImage.WriteX87Control(state, image, TWide.Value);
            if (!cpu.TryWriteBytes(address, image[..StateImage.ControlSize]))
                return false;
            StateImage.WriteX87Registers(state, image);
            if (!cpu.TryWriteBytes(address + StateImage.X87Offset, image[..128]))
                return false;
        }

        if ((components & Sse) != 0)
        {
            StateImage.WriteXmm(state, image, vectors);
            if (!cpu.TryWriteBytes(address + StateImage.XmmOffset, image[..(16 * vectors)]))
                return false;
        }

        if ((components & Avx) != 0)
        {
            StateImage.WriteUpper(state, image, vectors);
            if (!cpu.TryWriteBytes(address + StateImage.AvxOffset, image[..(16 * vectors)]))
                return false;
        }

        return true;
    }

    private static void RestoreX87(CpuState* state, ReadOnlySpan<byte> image, bool present, bool wide)
    {
        if (!present)
        {
            StateImage.ResetX87(state);
            return;
        }

        StateImage.ReadX87Control(state, image, wide);
        StateImage.ReadX87Registers(state, image[StateImage.X87Offset..]);
    }
}
