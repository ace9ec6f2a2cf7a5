using System.Reflection;
using System.Reflection.Emit;
using Iced.Intel;
using Label = System.Reflection.Emit.Label;

namespace EnclaveTesting.Engine.Accelerators.Software.Cpu.Translation;

/// <summary>
/// Makes a method of a region. The general registers live in its locals; they are in the CPU's state again wherever something else looks:
/// in a handler and at every way out. Each way between two blocks checks the limit as the run loop does. An access that is not to plain RAM, or
/// that faults, leaves the method before its op, which the interpreter then executes with the rest of the block: there are no calls on the
/// way, so that the registers can be in the host's. What is hardly ever needed stands at the end of the method.
/// </summary>
internal sealed unsafe partial class RegionCompiler
{
    private const BindingFlags AnyInstance = BindingFlags.Instance | BindingFlags.Public | BindingFlags.NonPublic;

    // Arguments: 1 is the CPU, 2 its state, 3 the blocks.
    private static readonly Type[] Parameters = [typeof(Translation), typeof(SoftwareCpu), typeof(CpuState*), typeof(Block**)];
    private static readonly FieldInfo Limit = Field("_limit"), LinkField = Field("_link"), RestartField = Field("_restart"), LeftAt = Field("_leftAt");
    private static readonly FieldInfo Generation = Field("_generation"), Jumps = Field("_jumps");
    private static readonly FieldInfo TakeOverAt = Field("_takeOverAt"), TlbField = Field("Tlb");
    private static readonly StateLayout Layout = new();

    private readonly RegionSource _source;
    private readonly MicroOp[][] _micro;
    private readonly HandlerEffects[][] _effects;
    private readonly bool[] _needsFlags;
    private readonly bool[] _inherits;
    private readonly Pending[] _inherited;
    private readonly DynamicMethod _method = new("guest code", typeof(Block*), Parameters, typeof(SoftwareCpu).Module, skipVisibility: true);
    private readonly ILGenerator _il;
    private readonly Label[] _starts;
    private readonly Label _spillAndReturn, _return;
    private readonly LocalBuilder _rip, _retired, _tlb, _result, _address, _entry, _host, _op, _value32, _value64;
    private readonly LocalBuilder?[] _registers = new LocalBuilder?[16];
    private readonly Label?[] _takeOvers;
    private readonly Queue<Action> _rare = new();
    private int _block;
    private Pending _pending;

    private RegionCompiler(RegionSource source)
    {
        _source = source;
        _micro = new MicroOp[source.Blocks.Length][];
        _effects = new HandlerEffects[source.Blocks.Length][];
        _vectors = new VectorOp[source.Blocks.Length][];
        for (int i = 0; i < source.Blocks.Length; i++)
            (_micro[i], _effects[i], _vectors[i]) = Classify(source.Blocks[i], source.Mode);
        _il = _method.GetILGenerator(4096);
        _starts = [.. source.Blocks.Select(_ => _il.DefineLabel())];
        _takeOvers = new Label?[source.Blocks.Length];
        _spillAndReturn = _il.DefineLabel();
        _return = _il.DefineLabel();
        _rip = _il.DeclareLocal(typeof(long));
        _retired = _il.DeclareLocal(typeof(long));
        _tlb = _il.DeclareLocal(typeof(long));
        _result = _il.DeclareLocal(typeof(long));
        _address = _il.DeclareLocal(typeof(long));
        _entry = _il.DeclareLocal(typeof(long));
        _host = _il.DeclareLocal(typeof(long));
        _op = _il.DeclareLocal(typeof(long));
        _value32 = _il.DeclareLocal(typeof(int));
        _value64 = _il.DeclareLocal(typeof(long));
        _left32 = _il.DeclareLocal(typeof(int));
        _right32 = _il.DeclareLocal(typeof(int));
        _left64 = _il.DeclareLocal(typeof(long));
        _right64 = _il.DeclareLocal(typeof(long));
        _needsFlags = [.. Enumerable.Range(0, source.Blocks.Length).Select(block => FlagsMatterAfter(block, -1))];
        _inherits = FindHeirs();
        _inherited = new Pending[source.Blocks.Length];
    }

    private SourceBlock Current => _source.Blocks[_block];

    /// <summary>Translates a region; null if it cannot be done.</summary>
    public static Translation? TryCompile(RegionSource source)
    {
        try
        {
            return new RegionCompiler(source).Compile();
        }
        catch (Exception exception) when (exception is InvalidProgramException or NotSupportedException or InvalidOperationException)
        {
            // The interpreter goes on with it.
            return null;
        }
    }

    /// <summary>Whether a translation is expected to gain: calls of handlers are no faster in it, so that compiling mostly those is not made good.</summary>
    public static bool IsWorthwhile(RegionSource source)
    {
        int handlers = 0, all = 0;
        foreach (SourceBlock block in source.Blocks)
        {
            handlers += Classify(block, source.Mode).Micro.Count(micro => micro.Operation == Operation.Handler);
            all += block.Ops.Length;
        }

        return 3 * handlers < all;
    }

    private static FieldInfo Field(string name) => typeof(SoftwareCpu).GetField(name, AnyInstance) ?? throw new MissingFieldException(nameof(SoftwareCpu), name);

    private static MethodInfo CpuMethod(string name) => typeof(SoftwareCpu).GetMethod(name, AnyInstance) ?? throw new MissingMethodException(nameof(SoftwareCpu), name);

    private static (MicroOp[] Micro, HandlerEffects[] Effects, VectorOp[] Vectors) Classify(SourceBlock block, CpuMode mode)
    {
        var reader = new ByteArrayCodeReader(block.Code);
        var decoder = Decoder.Create(64, reader, DecoderOptions.NoWbnoinvd);
        var micro = new MicroOp[block.Ops.Length];
        var effects = new HandlerEffects[block.Ops.Length];
        var vectors = new VectorOp[block.Ops.Length];
        for (int i = 0; i < block.Instructions; i++)
        {
            reader.Position = block.Ops[i].Offset;
            decoder.Decode(out Instruction instruction);
            MicroOp found = MicroOpTable.Find(instruction.Code);

            // The interpreter's: addresses of 32 bits, locked ones, and shifts of memory, which store nothing if CL is zero.
            bool plain = block.Ops[i].AddressSize == 8 && !instruction.HasLockPrefix && !instruction.IsInvalid
                && !(found.Form == OperandForm.RmCount && block.Ops[i].Rm == Op.Memory);
            micro[i] = plain ? found : default;
            vectors[i] = block.Ops[i].AddressSize == 8 ? VectorOpTable.Find(instruction.Code, mode) : default;
            if (vectors[i].Kind != VectorKind.None)
                micro[i] = VectorMicroOp(vectors[i]);
            if (micro[i].Operation == Operation.Handler || vectors[i].MayRaise)
                effects[i] = HandlerEffects.Of(instruction);
        }

        if (block.Instructions < micro.Length)
            micro[block.Instructions] = new MicroOp(Operation.FallThrough);
        return (micro, effects, vectors);
    }

    private bool[] FindHeirs()
    {
        var ways = new int[_source.Blocks.Length];
        foreach (SourceBlock block in _source.Blocks)
        {
            if (!block.Taken.IsOut)
                ways[block.Taken.Block]++;
            if (!block.NotTaken.IsOut)
                ways[block.NotTaken.Block]++;
        }

        // The entry is reached from outside too, others by returns. Of the rest with one way in, that way is translated first.
        return [.. ways.Select((count, block) => count == 1 && block != 0 && !_source.Blocks[block].FollowsCall)];
    }

    private Translation Compile()
    {
        Label start = _il.DefineLabel();
        _il.Emit(OpCodes.Ldarg_3);
        _il.Emit(OpCodes.Brtrue, start);
        _il.Emit(OpCodes.Ldc_I4_0);
        _il.Emit(OpCodes.Conv_U);
        _il.Emit(OpCodes.Ret);
        _il.MarkLabel(start);
        DeclareRegisters();
        DeclareVectors();
        Reload(uint.MaxValue);
        ReloadVectors(uint.MaxValue);
        LoadState(Layout.Gpr(CpuState.RipSlot));
        _il.Emit(OpCodes.Stloc, _rip);
        LoadState(Layout.Retired);
        _il.Emit(OpCodes.Ldc_I8, (long)_source.Blocks[0].Instructions);
        _il.Emit(OpCodes.Add);
        _il.Emit(OpCodes.Stloc, _retired);
        LoadTlb();
        for (_block = 0; _block < _source.Blocks.Length; _block++)
        {
            _il.MarkLabel(_starts[_block]);
            _pending = _inherits[_block] ? _inherited[_block] : default;
            for (int i = 0; i < Current.Ops.Length; i++)
                Emit(i);
        }

        while (_rare.TryDequeue(out Action? rare))
            rare();
        _il.MarkLabel(_spillAndReturn);
        Spill(uint.MaxValue);
        SpillVectors(uint.MaxValue);
        SpillRetired();
        _il.MarkLabel(_return);
        _il.Emit(OpCodes.Ldloc, _result);
        _il.Emit(OpCodes.Conv_U);
        _il.Emit(OpCodes.Ret);
        return new Translation(_method);
    }

    private void DeclareRegisters()
    {
        // All that any operand names; handlers go by the state, and what they change is loaded again only if it is here.
        uint used = 0;
        for (int block = 0; block < _source.Blocks.Length; block++)
        {
            for (int i = 0; i < _micro[block].Length; i++)
                used |= RegistersOf(_micro[block][i], _source.Blocks[block].Ops[i]);
        }

        for (int register = 0; register < 16; register++)
        {
            if ((used & (1u << register)) != 0)
                _registers[register] = _il.DeclareLocal(typeof(long));
        }
    }

    private static uint RegistersOf(MicroOp micro, in Op op)
    {
        const uint accumulator = 1, count = 1 << 1, data = 1 << 2, stack = 1 << 4, frame = 1 << 5;
        uint used = 0;
        if (micro.Operation is Operation.Handler or Operation.Nothing or Operation.FallThrough)
            return 0;
        if (op.Rm == Op.Memory)
            used |= Bit(op.Base) | Bit(op.Index);
        else if (micro.Form != OperandForm.None)
            used |= Bit(op.Rm, micro);
        if (micro.Form is OperandForm.RmReg or OperandForm.RegRm or OperandForm.RegRmImmediate)
            used |= Bit(op.Reg, micro);
        if (micro.Form is OperandForm.AccumulatorImmediate or OperandForm.AccumulatorRm || micro.Operation is Operation.ExtendAccumulator)
            used |= accumulator;
        if (micro.Operation == Operation.ExtendIntoData)
            used |= accumulator | data;
        if (micro.Form == OperandForm.RmCount)
            used |= count;
        if (micro.Operation is Operation.Push or Operation.Pop or Operation.Call or Operation.CallIndirect or Operation.Return)
            used |= stack;
        if (micro.Operation == Operation.Leave)
            used |= stack | frame;
        return used;

        static uint Bit(byte register, MicroOp micro = default) =>
            register >= 20 || (register >= 16 && micro.Size != 1 && micro.Extra != 1) ? 0 : 1u << (register & 15);
    }

    private void Emit(int index)
    {
        MicroOp micro = _micro[_block][index];
        Op op = Current.Ops[index];
        switch (micro.Operation)
        {
            case Operation.Handler:
                EmitHandler(index);
                break;
            case Operation.Nothing:
                break;
            case Operation.Vector:
                EmitVector(index, _vectors[_block][index], op);
                break;
            case Operation.Jump or Operation.JumpIf or Operation.Call or Operation.JumpIndirect or Operation.CallIndirect or Operation.Return or Operation.FallThrough:
                EmitControl(index, micro, op);
                break;
            case Operation.Push or Operation.Pop or Operation.Leave:
                EmitStack(index, micro, op);
                break;
            default:
                EmitInteger(index, micro, op);
                break;
        }
    }

    /// <summary>Has the interpreter's handler execute an op.</summary>
    private void EmitHandler(int index)
    {
        HandlerEffects effects = _effects[_block][index];
        if (effects.UsesFlags)
            Materialise();
        Spill(effects.Touched);
        SpillVectors(effects.TouchedVectors);
        SpillRetired();
        StoreRip();
        PushBlock(_block);
        _il.Emit(OpCodes.Ldc_I8, (long)(sizeof(Block) + (index * sizeof(Op))));
        _il.Emit(OpCodes.Add);
        _il.Emit(OpCodes.Stloc, _op);
        _il.Emit(OpCodes.Ldarg_1);
        _il.Emit(OpCodes.Ldloc, _op);
        _il.Emit(OpCodes.Conv_U);
        _il.Emit(OpCodes.Ldloc, _op);
        _il.Emit(OpCodes.Ldind_I8);
        _il.Emit(OpCodes.Conv_I);
        _il.EmitCalli(OpCodes.Calli, CallingConventions.Standard, typeof(bool), [typeof(SoftwareCpu), typeof(Op*)], null);
        Label ended = _il.DefineLabel();
        _il.Emit(OpCodes.Brfalse, ended);
        int block = _block;
        Pending pending = _pending;
        _rare.Enqueue(() =>
        {
            _il.MarkLabel(ended);
            MaterialiseRarely(pending);
            SetLeftAt(index);
            SetResult(block);
            Spill(~effects.Touched);
            SpillVectors(~effects.TouchedVectors);
            _il.Emit(OpCodes.Br, _return);
        });
        Reload(effects.Written);
        ReloadVectors(effects.WrittenVectors);
        if (!effects.IsContained)
        {
            LoadState(Layout.Retired);
            _il.Emit(OpCodes.Stloc, _retired);
            LoadTlb();
        }

        if (effects.Stores)
            CheckAlive(index);
    }

    private void Reload(uint registers)
    {
        for (int register = 0; register < _registers.Length; register++)
        {
            if ((registers & (1u << register)) != 0 && _registers[register] is { } local)
            {
                LoadState(Layout.Gpr(register));
                _il.Emit(OpCodes.Stloc, local);
            }
        }
    }

    /// <summary>Writes registers back.</summary>
    private void Spill(uint registers)
    {
        for (int register = 0; register < _registers.Length; register++)
        {
            if ((registers & (1u << register)) != 0 && _registers[register] is { } local)
                StoreState(Layout.Gpr(register), () => _il.Emit(OpCodes.Ldloc, local));
        }
    }

    private void SpillRetired() => StoreState(Layout.Retired, () => _il.Emit(OpCodes.Ldloc, _retired));

    /// <summary>RIP of the present block's start, which is what an op's handler and a fault go by.</summary>
    private void StoreRip() => StoreRip(Current.Distance);

    private void StoreRip(long distance) => StoreState(Layout.Gpr(CpuState.RipSlot), () => PushRip(distance));

    private void PushRip(long distance)
    {
        _il.Emit(OpCodes.Ldloc, _rip);
        if (distance == 0)
            return;
        _il.Emit(OpCodes.Ldc_I8, distance);
        _il.Emit(OpCodes.Add);
    }

    private void LoadTlb()
    {
        _il.Emit(OpCodes.Ldarg_1);
        _il.Emit(OpCodes.Ldfld, TlbField);
        _il.Emit(OpCodes.Conv_U8);
        _il.Emit(OpCodes.Stloc, _tlb);
    }

    private void LoadState(int offset)
    {
        PushStateAddress(offset);
        _il.Emit(OpCodes.Ldind_I8);
    }

    private void StoreState(int offset, Action value)
    {
        PushStateAddress(offset);
        value();
        _il.Emit(OpCodes.Stind_I8);
    }

    private void PushStateAddress(int offset)
    {
        _il.Emit(OpCodes.Ldarg_2);
        _il.Emit(OpCodes.Ldc_I4, offset);
        _il.Emit(OpCodes.Add);
    }

    /// <summary>Pushes the address of a block of the region.</summary>
    private void PushBlock(int block)
    {
        _il.Emit(OpCodes.Ldarg_3);
        _il.Emit(OpCodes.Ldc_I4, block * sizeof(nint));
        _il.Emit(OpCodes.Add);
        _il.Emit(OpCodes.Ldind_I8);
    }

    private void SetResult(int block)
    {
        PushBlock(block);
        _il.Emit(OpCodes.Stloc, _result);
    }

    private void SetLeftAt(int index)
    {
        _il.Emit(OpCodes.Ldarg_1);
        _il.Emit(OpCodes.Ldc_I4, index);
        _il.Emit(OpCodes.Stfld, LeftAt);
    }

    /// <summary>Sets the link to null or to <see cref="Link.Indirect"/>.</summary>
    private void SetNoLink(bool indirect)
    {
        _il.Emit(OpCodes.Ldarg_1);
        _il.Emit(indirect ? OpCodes.Ldc_I4_1 : OpCodes.Ldc_I4_0);
        _il.Emit(OpCodes.Conv_U);
        _il.Emit(OpCodes.Stfld, LinkField);
    }

    /// <summary>Where the interpreter takes an op of the present block over, which has done nothing yet, with the flags as they are now.</summary>
    private Label TakeOver(int index)
    {
        Label label = _il.DefineLabel();
        int block = _block;
        Pending pending = _pending;
        _rare.Enqueue(() =>
        {
            _il.MarkLabel(label);
            MaterialiseRarely(pending);
            _il.Emit(OpCodes.Ldarg_1);
            _il.Emit(OpCodes.Ldc_I4, index);
            _il.Emit(OpCodes.Stfld, TakeOverAt);
            _il.Emit(OpCodes.Br, _takeOvers[block] ??= DefineTakeOver(block));
        });
        return label;
    }

    private Label DefineTakeOver(int block)
    {
        Label label = _il.DefineLabel();
        _rare.Enqueue(() =>
        {
            _il.MarkLabel(label);
            StoreRip(_source.Blocks[block].Distance);
            SetResult(block);
            _il.Emit(OpCodes.Br, _spillAndReturn);
        });
        return label;
    }

    /// <summary>Something may have thrown the block away: if so, out before the next op.</summary>
    private void CheckAlive(int index)
    {
        Label dead = _il.DefineLabel();
        PushDead(_block);
        _il.Emit(OpCodes.Beq, dead);
        LeaveIfDead(dead, _block, index, _pending);
    }

    private void PushDead(int block)
    {
        PushBlock(block);
        _il.Emit(OpCodes.Conv_U);
        _il.Emit(OpCodes.Ldind_I8);
        _il.Emit(OpCodes.Ldc_I8, -1L);
    }

    private void LeaveIfDead(Label dead, int block, int index, Pending pending) => _rare.Enqueue(() =>
    {
        _il.MarkLabel(dead);
        MaterialiseRarely(pending);
        SetLeftAt(index + 1);
        SourceBlock source = _source.Blocks[block];
        StoreRip(source.Distance + (index + 1 < source.Ops.Length ? source.Ops[index + 1].Offset : source.Code.Length));
        _il.Emit(OpCodes.Ldarg_1);
        _il.Emit(OpCodes.Ldc_I4_1);
        _il.Emit(OpCodes.Stfld, RestartField);
        SetNoLink(indirect: false);
        SetResult(block);
        _il.Emit(OpCodes.Br, _spillAndReturn);
    });

    /// <summary>Where the fields of <see cref="CpuState"/> are.</summary>
    private sealed class StateLayout
    {
        public StateLayout()
        {
            CpuState state = default;
            byte* start = (byte*)&state;
            Retired = (int)((byte*)&state.Retired - start);
            FlagZero = (int)((byte*)&state.FlagZero - start);
            FlagSign = (int)((byte*)&state.FlagSign - start);
            FlagCarry = (int)((byte*)&state.FlagCarry - start);
            SegmentBase = (int)((byte*)state.SegmentBase - start);
            Xmm = (int)((byte*)state.Xmm - start);
        }

        public int Retired { get; }

        public int FlagZero { get; }

        public int FlagSign { get; }

        public int FlagCarry { get; }

        public int SegmentBase { get; }

        public int Xmm { get; }

        public int Gpr(int register) => register * sizeof(ulong);
    }
}
