using EnclaveTesting.Engine.Accelerators.Software.Cpu.Simd;

namespace EnclaveTesting.Engine.Accelerators.Software.Cpu.X87;

/// <summary>Addition, subtraction, multiplication and division with all their operands.</summary>
internal static unsafe class X87Arithmetic
{
    /// <summary>An operation on the destination and the source.</summary>
    internal interface IOperation
    {
        static abstract FloatParts Apply(in FloatParts target, in FloatParts source, ref FloatContext context);
    }

    /// <summary>A source in memory.</summary>
    internal interface ISource
    {
        static abstract bool TryLoad(SoftwareCpu cpu, ulong address, out FloatParts value);
    }

    public readonly struct Add : IOperation
    {
        public static FloatParts Apply(in FloatParts target, in FloatParts source, ref FloatContext context)
            => SoftFloat.Add(in target, in source, false, ref context);
    }

    public readonly struct Subtract : IOperation
    {
        public static FloatParts Apply(in FloatParts target, in FloatParts source, ref FloatContext context)
            => SoftFloat.Add(in target, in source, true, ref context);
    }

    public readonly struct SubtractReverse : IOperation
    {
        public static FloatParts Apply(in FloatParts target, in FloatParts source, ref FloatContext context)
            => SoftFloat.Add(in source, in target, true, ref context);
    }

    public readonly struct Multiply : IOperation
    {
        public static FloatParts Apply(in FloatParts target, in FloatParts source, ref FloatContext context)
            => SoftFloat.Multiply(in target, in source, ref context);
    }

    public readonly struct Divide : IOperation
    {
        public static FloatParts Apply(in FloatParts target, in FloatParts source, ref FloatContext context)
            => SoftFloat.Divide(in target, in source, ref context);
    }

    public readonly struct DivideReverse : IOperation
    {
        public static FloatParts Apply(in FloatParts target, in FloatParts source, ref FloatContext context)
            => SoftFloat.Divide(in source, in target, ref context);
    }

    public readonly struct Single : ISource
    {
        public static bool TryLoad(SoftwareCpu cpu, ulong address, out FloatParts value)
        {
            bool loaded = cpu.TryLoad(address, out uint bits);
            value = FloatFormats.Unpack(bits, new FloatContext(0));
            return loaded;
        }
    }

    public readonly struct Double : ISource
    {
        public static bool TryLoad(SoftwareCpu cpu, ulong address, out FloatParts value)
        {
            bool loaded = cpu.TryLoad(address, out ulong bits);
            value = FloatFormats.Unpack(bits, new FloatContext(0));
            return loaded;
        }
    }

    public readonly struct Int16 : ISource
    {
        public static bool TryLoad(SoftwareCpu cpu, ulong address, out FloatParts value)
        {
            bool loaded = cpu.TryLoad(address, out short integer);
            value = FloatParts.FromInteger(integer);
            return loaded;
        }
    }

    public readonly struct Int32 : ISource
    {
        public static bool TryLoad(SoftwareCpu cpu, ulong address, out FloatParts value)
        {
            bool loaded = cpu.TryLoad(address, out int integer);
            value = FloatParts.FromInteger(integer);
            return loaded;
        }
    }

    public readonly struct Int64 : ISource
    {
        public static bool TryLoad(SoftwareCpu cpu, ulong address, out FloatParts value)
        {
            bool loaded = cpu.TryLoad(address, out long integer);
            value = FloatParts.FromInteger(integer);
            return loaded;
        }
    }

    /// <summary>ST(0) with ST(i).</summary>
    public static bool ToTop<T>(SoftwareCpu cpu, Op* op)
        where T : struct, IOperation
    {
        if (!X87Unit.Begin(cpu, op))
            return false;
        Stack<T>(cpu.State, 0, op->Rm, false);
        return true;
    }

    /// <summary>ST(i) with ST(0).</summary>
    public static bool FromTop<T>(SoftwareCpu cpu, Op* op)
        where T : struct, IOperation
    {
        if (!X87Unit.Begin(cpu, op))
            return false;
        Stack<T>(cpu.State, op->Rm, 0, false);
        return true;
    }

    /// <summary>ST(i) with ST(0), then pop.</summary>
    public static bool FromTopAndPop<T>(SoftwareCpu cpu, Op* op)
        where T : struct, IOperation
    {
        if (!X87Unit.Begin(cpu, op))
            return false;
        Stack<T>(cpu.State, op->Rm, 0, true);
        return true;
    }

    /// <summary>ST(0) with memory.</summary>
    public static bool Memory<T, TSource>(SoftwareCpu cpu, Op* op)
        where T : struct, IOperation
        where TSource : struct, ISource
    {
        if (!X87Unit.Begin(cpu, op) || !TSource.TryLoad(cpu, X87Unit.Address(cpu, op), out FloatParts source))
            return false;
        CpuState* state = cpu.State;
        if (!X87Unit.IsEmpty(state, 0))
            Calculate<T>(state, 0, in source);
        else if (X87Unit.Underflowed(state))
            X87Unit.Store(state, 0, FloatParts.DefaultNaN);
        return true;
    }

    private static void Stack<T>(CpuState* state, int target, int source, bool pop)
        where T : struct, IOperation
    {
        bool done;
        if (X87Unit.IsEmpty(state, target) || X87Unit.IsEmpty(state, source))
        {
            done = X87Unit.Underflowed(state);
            if (done)
                X87Unit.Store(state, target, FloatParts.DefaultNaN);
        }
        else
        {
            done = Calculate<T>(state, target, X87Unit.Load(state, source));
        }

        if (done && pop)
            X87Unit.Pop(state);
    }

    private static bool Calculate<T>(CpuState* state, int target, in FloatParts source)
        where T : struct, IOperation
    {
        FloatContext context = X87Unit.Context(state);
        FloatParts value = X87Unit.Load(state, target);
        FloatParts result = T.Apply(in value, in source, ref context);
        if ((context.Unmasked & FloatContext.BeforeOperation) == 0)
            result = FloatRounding.Round(result, X87Unit.Format(state), ref context);
        if (!X87Unit.Commit(state, in context))
            return false;
        X87Unit.Store(state, target, in result);
        return true;
    }
}
