using EnclaveTesting.Engine.Accelerators.Software.Cpu.Simd;

namespace EnclaveTesting.Engine.Accelerators.Software.Cpu.X87;

/// <summary>Comparisons and classification.</summary>
internal static unsafe class X87Compare
{
    /// <summary>FCOM, FUCOM and their popping forms: ST(0) with ST(i) into the condition codes.</summary>
    public static bool Registers<TSignalQuiet>(SoftwareCpu cpu, Op* op, int pops)
        where TSignalQuiet : struct, ScalarConversionHandlers.IChoice
        => X87Unit.Begin(cpu, op) && Conditions<TSignalQuiet>(cpu.State, op->Rm, pops);

    /// <summary>FCOMPP and FUCOMPP.</summary>
    public static bool PopBoth<TSignalQuiet>(SoftwareCpu cpu, Op* op)
        where TSignalQuiet : struct, ScalarConversionHandlers.IChoice
        => X87Unit.Begin(cpu, op) && Conditions<TSignalQuiet>(cpu.State, 1, 2);

    /// <summary>FCOM and FUCOM.</summary>
    public static bool Keep<TSignalQuiet>(SoftwareCpu cpu, Op* op)
        where TSignalQuiet : struct, ScalarConversionHandlers.IChoice => Registers<TSignalQuiet>(cpu, op, 0);

    /// <summary>FCOMP and FUCOMP.</summary>
    public static bool Pop<TSignalQuiet>(SoftwareCpu cpu, Op* op)
        where TSignalQuiet : struct, ScalarConversionHandlers.IChoice => Registers<TSignalQuiet>(cpu, op, 1);

    /// <summary>FCOM, FCOMP, FICOM and FICOMP with memory.</summary>
    public static bool Memory<TSource, TPop>(SoftwareCpu cpu, Op* op)
        where TSource : struct, X87Arithmetic.ISource
        where TPop : struct, ScalarConversionHandlers.IChoice
    {
        if (!X87Unit.Begin(cpu, op) || !TSource.TryLoad(cpu, X87Unit.Address(cpu, op), out FloatParts source))
            return false;
        CpuState* state = cpu.State;
        int relation = 2;
        bool done = X87Unit.IsEmpty(state, 0)
            ? X87Unit.Underflowed(state)
            : Relation(state, X87Unit.Load(state, 0), in source, true, out relation);
        Finish(state, relation, done, TPop.Value ? 1 : 0);
        return true;
    }

    /// <summary>FCOMI, FUCOMI: into RFLAGS.</summary>
    public static bool Flags<TSignalQuiet, TPop>(SoftwareCpu cpu, Op* op)
        where TSignalQuiet : struct, ScalarConversionHandlers.IChoice
        where TPop : struct, ScalarConversionHandlers.IChoice
    {
        if (!X87Unit.Begin(cpu, op))
            return false;
        CpuState* state = cpu.State;
        int relation = 2;
        bool done = X87Unit.IsEmpty(state, 0) || X87Unit.IsEmpty(state, op->Rm)
            ? X87Unit.Underflowed(state)
            : Relation(state, X87Unit.Load(state, 0), X87Unit.Load(state, op->Rm), TSignalQuiet.Value, out relation);
        if (!done)
            return true;
        X87Unit.SetC1(state, false);
        ScalarConversionHandlers.SetFlags(state, relation switch { -1 => 0x01, 0 => 0x40, 1 => 0, _ => 0x45 });
        if (TPop.Value)
            X87Unit.Pop(state);
        return true;
    }

    /// <summary>FTST: with zero.</summary>
    public static bool Test(SoftwareCpu cpu, Op* op)
    {
        if (!X87Unit.Begin(cpu, op))
            return false;
        CpuState* state = cpu.State;
        int relation = 2;
        bool done = X87Unit.IsEmpty(state, 0)
            ? X87Unit.Underflowed(state)
            : Relation(state, X87Unit.Load(state, 0), FloatParts.Zero(false), true, out relation);
        Finish(state, relation, done, 0);
        return true;
    }

    /// <summary>FXAM: the class in C3, C2, C0 and the sign in C1.</summary>
    public static bool Examine(SoftwareCpu cpu, Op* op)
    {
        if (!X87Unit.Begin(cpu, op))
            return false;
        CpuState* state = cpu.State;
        ulong* register = X87Unit.Register(state, 0);
        FloatParts value = X87Unit.Load(state, 0);
        int conditions = ((ushort)register[1] & 0x8000) != 0 ? X87Unit.C1 : 0;
        if (X87Unit.IsEmpty(state, 0))
        {
            conditions |= X87Unit.C3 | X87Unit.C0;
        }
        else
        {
            conditions |= value.Class switch
            {
                FloatClass.Zero => X87Unit.C3,
                FloatClass.Finite => value.Denormal ? X87Unit.C3 | X87Unit.C2 : X87Unit.C2,
                FloatClass.Infinity => X87Unit.C2 | X87Unit.C0,
                FloatClass.Unsupported => 0,
                _ => X87Unit.C0,
            };
        }

        X87Unit.SetConditions(state, conditions);
        return true;
    }

    private static bool Conditions<TSignalQuiet>(CpuState* state, int other, int pops)
        where TSignalQuiet : struct, ScalarConversionHandlers.IChoice
    {
        int relation = 2;
        bool done = X87Unit.IsEmpty(state, 0) || X87Unit.IsEmpty(state, other)
            ? X87Unit.Underflowed(state)
            : Relation(state, X87Unit.Load(state, 0), X87Unit.Load(state, other), TSignalQuiet.Value, out relation);
        Finish(state, relation, done, pops);
        return true;
    }

    private static void Finish(CpuState* state, int relation, bool done, int pops)
    {
        if (!done)
            return;
        X87Unit.SetConditions(state, relation switch { -1 => X87Unit.C0, 0 => X87Unit.C3, 1 => 0, _ => X87Unit.C3 | X87Unit.C2 | X87Unit.C0 });
        for (int i = 0; i < pops; i++)
            X87Unit.Pop(state);
    }

    private static bool Relation(CpuState* state, in FloatParts a, in FloatParts b, bool signalQuiet, out int relation)
    {
        FloatContext context = X87Unit.Context(state);
        relation = SoftFloat.Compare(in a, in b);
        if (relation != 2)
            SoftFloat.NoteDenormals(in a, in b, ref context);
        else if (signalQuiet || a.Class >= FloatClass.SignalingNaN || b.Class >= FloatClass.SignalingNaN)
            context.Raise(FloatContext.Invalid);
        return X87Unit.Commit(state, in context);
    }
}
