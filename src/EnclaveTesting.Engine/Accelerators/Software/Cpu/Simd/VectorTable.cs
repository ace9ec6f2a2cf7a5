using Iced.Intel;

namespace EnclaveTesting.Engine.Accelerators.Software.Cpu.Simd;

/// <summary>Puts an operation's SSE and VEX forms into the table; <see cref="Code.INVALID"/> where a form does not exist.</summary>
internal static unsafe class VectorTable
{
    /// <summary>An MMX form.</summary>
    public static void Mmx<T>(OpTable table, Code code)
        where T : struct, IVectorOp
    {
        if (code.ToString().EndsWith("mmm32", StringComparison.Ordinal))
            table.Add(code, &MmxHandlers.Register<T>, &MmxHandlers.Memory<T, VectorOperands.Doubleword>);
        else
            table.Add(code, &MmxHandlers.Register<T>, &MmxHandlers.Memory<T, VectorOperands.Quadword>);
    }

    /// <summary>An MMX shift by an immediate.</summary>
    public static void MmxShift<T>(OpTable table, Code code)
        where T : struct, IVectorOp => table.Add(code, &MmxHandlers.ShiftImmediate<T>, null);

    /// <summary>An operation on whole vectors.</summary>
    public static void Packed<T>(OpTable table, Code sse, Code vex128, Code vex256)
        where T : struct, IVectorOp => Packed<T, T>(table, sse, vex128, vex256);

    /// <summary>An operation on whole vectors whose upper half is another one.</summary>
    public static void Packed<T, TUpper>(OpTable table, Code sse, Code vex128, Code vex256)
        where T : struct, IVectorOp
        where TUpper : struct, IVectorOp
    {
        if (sse != Code.INVALID)
            table.Add(sse, &SseHandlers.Register<T>, &SseHandlers.Memory<T, VectorOperands.Aligned>);
        if (vex128 != Code.INVALID)
            table.Add(vex128, &VexHandlers.Register128<T>, &VexHandlers.Memory128<T, VectorOperands.Any>);
        if (vex256 != Code.INVALID)
            table.Add(vex256, &VexHandlers.Register256<T, TUpper>, &VexHandlers.Memory256<T, TUpper>);
    }

    /// <summary>An operation whose memory operand is shorter than a vector; with 256 bits it is whole.</summary>
    public static void Partial<T, TOperand>(OpTable table, Code sse, Code vex128, Code vex256)
        where T : struct, IVectorOp
        where TOperand : struct, IVectorOperand
    {
        if (sse != Code.INVALID)
            table.Add(sse, &SseHandlers.Register<T>, &SseHandlers.Memory<T, TOperand>);
        if (vex128 != Code.INVALID)
            table.Add(vex128, &VexHandlers.Register128<T>, &VexHandlers.Memory128<T, TOperand>);
        if (vex256 != Code.INVALID)
            table.Add(vex256, &VexHandlers.Register256<T, T>, &VexHandlers.Memory256<T, T>);
    }

    /// <summary>INSERTPS, whose source in memory is one doubleword.</summary>
    public static void InsertDoubleword(OpTable table, Code sse, Code vex)
    {
        table.Add(sse, &SseHandlers.Register<Shuffles.Insertps>, &SseHandlers.Memory<Shuffles.InsertpsMemory, VectorOperands.Doubleword>);
        table.Add(vex, &VexHandlers.Register128<Shuffles.Insertps>, &VexHandlers.Memory128<Shuffles.InsertpsMemory, VectorOperands.Doubleword>);
    }

    /// <summary>A shift by the count in a register or in memory.</summary>
    public static void Shift<T>(OpTable table, Code sse, Code vex128, Code vex256)
        where T : struct, IVectorOp
    {
        Packed<T>(table, sse, vex128, Code.INVALID);
        table.Add(vex256, &VexHandlers.ShiftRegister256<T>, &VexHandlers.ShiftMemory256<T>);
    }

    /// <summary>A shift by an immediate.</summary>
    public static void ShiftImmediate<T>(OpTable table, Code sse, Code vex128, Code vex256)
        where T : struct, IVectorOp
    {
        table.Add(sse, &SseHandlers.ShiftImmediate<T>, null);
        table.Add(vex128, &VexHandlers.ShiftImmediate128<T>, null);
        table.Add(vex256, &VexHandlers.ShiftImmediate256<T>, null);
    }

    /// <summary>A floating-point operation without a VEX form of the same meaning.</summary>
    public static void FloatSse<T>(OpTable table, Code sse)
        where T : struct, IFloatOp => Float<T>(table, sse, Code.INVALID, Code.INVALID);

    /// <summary>A floating-point operation on whole vectors.</summary>
    public static void Float<T>(OpTable table, Code sse, Code vex128, Code vex256)
        where T : struct, IFloatOp
    {
        if (sse != Code.INVALID)
            table.Add(sse, &SseHandlers.FloatRegister<T>, &SseHandlers.FloatMemory<T, VectorOperands.Aligned>);
        if (vex128 != Code.INVALID)
            table.Add(vex128, &VexHandlers.FloatRegister128<T>, &VexHandlers.FloatMemory128<T, VectorOperands.Any>);
        if (vex256 != Code.INVALID)
            table.Add(vex256, &VexHandlers.FloatRegister256<T>, &VexHandlers.FloatMemory256<T>);
    }

    /// <summary>A floating-point operation whose memory operand is shorter than a vector.</summary>
    public static void FloatPartial<T, TOperand>(OpTable table, Code sse, Code vex128)
        where T : struct, IFloatOp
        where TOperand : struct, IVectorOperand
    {
        if (sse != Code.INVALID)
            table.Add(sse, &SseHandlers.FloatRegister<T>, &SseHandlers.FloatMemory<T, TOperand>);
        if (vex128 != Code.INVALID)
            table.Add(vex128, &VexHandlers.FloatRegister128<T>, &VexHandlers.FloatMemory128<T, TOperand>);
    }
}
