using System.Buffers.Binary;

namespace EnclaveTesting.Engine.Accelerators.Software.Cpu.Simd;

/// <summary>FXSAVE, FXRSTOR, LDMXCSR and STMXCSR.</summary>
internal static unsafe class FxsaveHandlers
{
    private const ulong EmulationOrTaskSwitched = 0xC;

    /// <summary>FXSAVE, FXSAVE64 (the operand size decides about the pointers).</summary>
    public static bool Save<TWide>(SoftwareCpu cpu, Op* op)
        where TWide : struct, ScalarConversionHandlers.IChoice
    {
        CpuState* state = cpu.State;
        if (!Check(cpu, op, out ulong address))
            return false;
        int vectors = StateImage.VectorCount(state);
        // What lies behind the vector registers belongs to software and is left alone.
        Span<byte> image = stackalloc byte[StateImage.XmmOffset + (16 * vectors)];
        StateImage.WriteX87Control(state, image, TWide.Value);
        BinaryPrimitives.WriteUInt32LittleEndian(image[StateImage.MxcsrOffset..], state->Mxcsr);
        BinaryPrimitives.WriteUInt32LittleEndian(image[(StateImage.MxcsrOffset + 4)..], StateImage.MxcsrMask);
        StateImage.WriteX87Registers(state, image[StateImage.X87Offset..]);
        StateImage.WriteXmm(state, image[StateImage.XmmOffset..], vectors);
        return cpu.TryWriteBytes(address, image);
    }

    /// <summary>FXRSTOR, FXRSTOR64.</summary>
    public static bool Restore<TWide>(SoftwareCpu cpu, Op* op)
        where TWide : struct, ScalarConversionHandlers.IChoice
    {
        CpuState* state = cpu.State;
        if (!Check(cpu, op, out ulong address))
            return false;
        int vectors = StateImage.VectorCount(state);
        Span<byte> image = stackalloc byte[StateImage.XmmOffset + (16 * vectors)];
        if (!cpu.TryReadBytes(address, image))
            return false;
        uint mxcsr = BinaryPrimitives.ReadUInt32LittleEndian(image[StateImage.MxcsrOffset..]);
        if ((mxcsr & ~StateImage.MxcsrMask) != 0)
            return cpu.RaiseGeneralProtection();
        StateImage.ReadX87Control(state, image, TWide.Value);
        StateImage.ReadX87Registers(state, image[StateImage.X87Offset..]);
        state->Mxcsr = mxcsr;
        StateImage.ReadXmm(state, image[StateImage.XmmOffset..], vectors);
        return true;
    }

    /// <summary>LDMXCSR, VLDMXCSR.</summary>
    public static bool LoadMxcsr<TEncoding>(SoftwareCpu cpu, Op* op)
        where TEncoding : struct, GeneralHandlers.IEncoding
    {
        if (!TEncoding.Check(cpu) || !cpu.TryLoad(cpu.Address(op), out uint value))
            return false;
        if ((value & ~StateImage.MxcsrMask) != 0)
            return cpu.RaiseGeneralProtection();
        cpu.State->Mxcsr = value;
        return true;
    }

    /// <summary>STMXCSR, VSTMXCSR.</summary>
    public static bool StoreMxcsr<TEncoding>(SoftwareCpu cpu, Op* op)
        where TEncoding : struct, GeneralHandlers.IEncoding
        => TEncoding.Check(cpu) && cpu.TryStore(cpu.Address(op), cpu.State->Mxcsr);

    private static bool Check(SoftwareCpu cpu, Op* op, out ulong address)
    {
        address = cpu.Address(op);
        if ((cpu.State->Cr0 & EmulationOrTaskSwitched) != 0)
            return cpu.RaiseDeviceNotAvailable();
        return (address & 15) == 0 || cpu.RaiseGeneralProtection();
    }
}
