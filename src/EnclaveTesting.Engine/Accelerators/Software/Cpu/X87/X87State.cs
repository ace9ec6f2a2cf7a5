using System.Buffers.Binary;
using EnclaveTesting.Engine.Accelerators.Software.Cpu.Simd;

namespace EnclaveTesting.Engine.Accelerators.Software.Cpu.X87;

/// <summary>Control, status and environment instructions.</summary>
internal static unsafe class X87State
{
    private const int EnvironmentNarrow = 14;
    private const int EnvironmentWide = 28;

    /// <summary>WAIT.</summary>
    public static bool Wait(SoftwareCpu cpu, Op* op)
    {
        const ulong MonitorAndTaskSwitched = 0xA;
        CpuState* state = cpu.State;
        if ((state->Cr0 & MonitorAndTaskSwitched) == MonitorAndTaskSwitched)
            return cpu.RaiseDeviceNotAvailable();
        return (state->X87Status & X87Unit.ErrorSummary) == 0 || (state->Cr0 & 0x20) == 0 || cpu.RaiseX87Error();
    }

    /// <summary>FNOP.</summary>
    public static bool Nothing(SoftwareCpu cpu, Op* op) => X87Unit.Wait(cpu);

    /// <summary>FNENI, FNDISI and FNSETPM, of the 8087 and 287: nothing.</summary>
    public static bool Obsolete(SoftwareCpu cpu, Op* op) => X87Unit.IsPresent(cpu);

    /// <summary>FNINIT.</summary>
    public static bool Initialize(SoftwareCpu cpu, Op* op)
    {
        if (!X87Unit.IsPresent(cpu))
            return false;
        StateImage.InitializeX87(cpu.State);
        return true;
    }

    /// <summary>FNCLEX.</summary>
    public static bool ClearExceptions(SoftwareCpu cpu, Op* op)
    {
        if (!X87Unit.IsPresent(cpu))
            return false;
        cpu.State->X87Status &= 0x7F00;
        return true;
    }

    /// <summary>FLDCW.</summary>
    public static bool LoadControl(SoftwareCpu cpu, Op* op)
    {
        if (!X87Unit.Wait(cpu) || !cpu.TryLoad(cpu.Address(op), out ushort value))
            return false;
        SetControl(cpu.State, value);
        return true;
    }

    /// <summary>FNSTCW.</summary>
    public static bool StoreControl(SoftwareCpu cpu, Op* op)
        => X87Unit.IsPresent(cpu) && cpu.TryStore(cpu.Address(op), cpu.State->X87Control);

    /// <summary>FNSTSW m16.</summary>
    public static bool StoreStatus(SoftwareCpu cpu, Op* op)
        => X87Unit.IsPresent(cpu) && cpu.TryStore(cpu.Address(op), cpu.State->X87Status);

    /// <summary>FNSTSW AX.</summary>
    public static bool StatusToAx(SoftwareCpu cpu, Op* op)
    {
        if (!X87Unit.IsPresent(cpu))
            return false;
        *(ushort*)&cpu.State->Gpr[0] = cpu.State->X87Status;
        return true;
    }

    /// <summary>FINCSTP.</summary>
    public static bool Increment(SoftwareCpu cpu, Op* op) => Rotate(cpu, op, 1);

    /// <summary>FDECSTP.</summary>
    public static bool Decrement(SoftwareCpu cpu, Op* op) => Rotate(cpu, op, -1);

    /// <summary>FFREE.</summary>
    public static bool Free(SoftwareCpu cpu, Op* op)
    {
        if (!X87Unit.Begin(cpu, op))
            return false;
        X87Unit.SetC1(cpu.State, false);
        X87Unit.Free(cpu.State, op->Rm);
        return true;
    }

    /// <summary>FFREEP.</summary>
    public static bool FreeAndPop(SoftwareCpu cpu, Op* op)
    {
        if (!X87Unit.Begin(cpu, op))
            return false;
        X87Unit.SetC1(cpu.State, false);
        X87Unit.Free(cpu.State, op->Rm);
        X87Unit.Pop(cpu.State);
        return true;
    }

    /// <summary>FNSTENV; all exceptions become masked.</summary>
    public static bool StoreEnvironment<TWide>(SoftwareCpu cpu, Op* op)
        where TWide : struct, ScalarConversionHandlers.IChoice
    {
        if (!X87Unit.IsPresent(cpu))
            return false;
        Span<byte> image = stackalloc byte[EnvironmentWide];
        int size = WriteEnvironment(cpu.State, image, TWide.Value);
        if (!cpu.TryWriteBytes(cpu.Address(op), image[..size]))
            return false;
        SetControl(cpu.State, (ushort)(cpu.State->X87Control | FloatContext.AllExceptions));
        return true;
    }

    /// <summary>FLDENV.</summary>
    public static bool LoadEnvironment<TWide>(SoftwareCpu cpu, Op* op)
        where TWide : struct, ScalarConversionHandlers.IChoice
    {
        if (!X87Unit.Wait(cpu))
            return false;
        Span<byte> image = stackalloc byte[EnvironmentWide];
        int size = TWide.Value ? EnvironmentWide : EnvironmentNarrow;
        if (!cpu.TryReadBytes(cpu.Address(op), image[..size]))
            return false;
        ReadEnvironment(cpu.State, image, TWide.Value);
        return true;
    }

    /// <summary>FNSAVE: the environment, the registers, and then FNINIT.</summary>
    public static bool Save<TWide>(SoftwareCpu cpu, Op* op)
        where TWide : struct, ScalarConversionHandlers.IChoice
    {
        if (!X87Unit.IsPresent(cpu))
            return false;
        CpuState* state = cpu.State;
        Span<byte> image = stackalloc byte[EnvironmentWide + 80];
        int size = WriteEnvironment(state, image, TWide.Value);
        for (int i = 0; i < 8; i++, size += 10)
            new ReadOnlySpan<byte>(X87Unit.Register(state, i), 10).CopyTo(image[size..]);
        if (!cpu.TryWriteBytes(cpu.Address(op), image[..size]))
            return false;
        StateImage.InitializeX87(state);
        return true;
    }

    /// <summary>FRSTOR.</summary>
    public static bool Restore<TWide>(SoftwareCpu cpu, Op* op)
        where TWide : struct, ScalarConversionHandlers.IChoice
    {
        if (!X87Unit.Wait(cpu))
            return false;
        CpuState* state = cpu.State;
        Span<byte> image = stackalloc byte[EnvironmentWide + 80];
        int size = TWide.Value ? EnvironmentWide : EnvironmentNarrow;
        if (!cpu.TryReadBytes(cpu.Address(op), image[..(size + 80)]))
            return false;
        ReadEnvironment(state, image, TWide.Value);
        for (int i = 0; i < 8; i++, size += 10)
            image.Slice(size, 10).CopyTo(new Span<byte>(X87Unit.Register(state, i), 10));
        return true;
    }

    /// <summary>Sets the control word; pending exceptions follow the new masks. Bit 6 always reads as one.</summary>
    public static void SetControl(CpuState* state, ushort value)
    {
        state->X87Control = (ushort)((value & 0x1F3F) | 0x40);
        StateImage.UpdateErrorSummary(state);
    }

    private static bool Rotate(SoftwareCpu cpu, Op* op, int by)
    {
        if (!X87Unit.Begin(cpu, op))
            return false;
        X87Unit.SetC1(cpu.State, false);
        X87Unit.Rotate(cpu.State, by);
        return true;
    }

    // Two bits for each physical register: in use, zero, special, empty (SDM vol. 1, 8.1.7).
    private static ushort FullTag(CpuState* state)
    {
        int tag = 0;
        for (int i = 0; i < 8; i++)
        {
            int code = 3;
            if ((state->X87Tag & (1 << i)) != 0)
            {
                ulong* register = (ulong*)(state->X87 + (16 * i));
                FloatParts value = FloatFormats.Unpack(register[0], (ushort)register[1]);
                code = value.Class switch
                {
                    FloatClass.Zero => 1,
                    FloatClass.Finite => value.Denormal ? 2 : 0,
                    _ => 2,
                };
            }

            tag |= code << (2 * i);
        }

        return (ushort)tag;
    }

    private static int WriteEnvironment(CpuState* state, Span<byte> image, bool wide)
    {
        ushort tag = FullTag(state);
        if (wide)
        {
            BinaryPrimitives.WriteUInt32LittleEndian(image, 0xFFFF_0000U | state->X87Control);
            BinaryPrimitives.WriteUInt32LittleEndian(image[4..], 0xFFFF_0000U | state->X87Status);
            BinaryPrimitives.WriteUInt32LittleEndian(image[8..], 0xFFFF_0000U | tag);
            BinaryPrimitives.WriteUInt32LittleEndian(image[12..], (uint)state->X87InstructionPointer);
            BinaryPrimitives.WriteUInt32LittleEndian(image[16..], state->X87InstructionSelector | ((uint)state->X87Opcode << 16));
            BinaryPrimitives.WriteUInt32LittleEndian(image[20..], (uint)state->X87DataPointer);
            BinaryPrimitives.WriteUInt32LittleEndian(image[24..], 0xFFFF_0000U | state->X87DataSelector);
            return EnvironmentWide;
        }

        BinaryPrimitives.WriteUInt16LittleEndian(image, state->X87Control);
        BinaryPrimitives.WriteUInt16LittleEndian(image[2..], state->X87Status);
        BinaryPrimitives.WriteUInt16LittleEndian(image[4..], tag);
        BinaryPrimitives.WriteUInt16LittleEndian(image[6..], (ushort)state->X87InstructionPointer);
        BinaryPrimitives.WriteUInt16LittleEndian(image[8..], state->X87InstructionSelector);
        BinaryPrimitives.WriteUInt16LittleEndian(image[10..], (ushort)state->X87DataPointer);
        BinaryPrimitives.WriteUInt16LittleEndian(image[12..], state->X87DataSelector);
        return EnvironmentNarrow;
    }

    private static void ReadEnvironment(CpuState* state, ReadOnlySpan<byte> image, bool wide)
    {
        int step = wide ? 4 : 2;
        state->X87Status = BinaryPrimitives.ReadUInt16LittleEndian(image[step..]);
        ushort tag = BinaryPrimitives.ReadUInt16LittleEndian(image[(2 * step)..]);
        state->X87Tag = 0;
        for (int i = 0; i < 8; i++)
        {
            if (((tag >> (2 * i)) & 3) != 3)
                state->X87Tag |= (ushort)(1 << i);
        }

        if (wide)
        {
            state->X87InstructionPointer = BinaryPrimitives.ReadUInt32LittleEndian(image[12..]);
            state->X87InstructionSelector = BinaryPrimitives.ReadUInt16LittleEndian(image[16..]);
            state->X87Opcode = (ushort)(BinaryPrimitives.ReadUInt16LittleEndian(image[18..]) & 0x7FF);
            state->X87DataPointer = BinaryPrimitives.ReadUInt32LittleEndian(image[20..]);
            state->X87DataSelector = BinaryPrimitives.ReadUInt16LittleEndian(image[24..]);
        }
        else
        {
            state->X87InstructionPointer = BinaryPrimitives.ReadUInt16LittleEndian(image[6..]);
            state->X87InstructionSelector = BinaryPrimitives.ReadUInt16LittleEndian(image[8..]);
            state->X87DataPointer = BinaryPrimitives.ReadUInt16LittleEndian(image[10..]);
            state->X87DataSelector = BinaryPrimitives.ReadUInt16LittleEndian(image[12..]);
        }

        SetControl(state, BinaryPrimitives.ReadUInt16LittleEndian(image));
    }
}
