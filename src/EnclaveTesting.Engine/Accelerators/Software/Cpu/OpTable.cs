using System.Runtime.CompilerServices;
using Iced.Intel;

namespace EnclaveTesting.Engine.Accelerators.Software.Cpu;

/// <summary>
/// Which handler executes which instruction: one for operands in registers, one for an operand in memory. Topics that few guests need are added
/// when an instruction is looked for that is not there yet, by whichever machine's thread. Looking is thread-safe, adding is not.
/// </summary>
internal sealed unsafe class OpTable
{
    private static readonly int CodeCount = (int)Enum.GetValues<Code>()[^1] + 1;

    private readonly nint[] _register = new nint[CodeCount];
    private readonly nint[] _memory = new nint[CodeCount];

    private readonly OpGroup[] _group = new OpGroup[CodeCount];
    private readonly bool[] _ends = new bool[CodeCount];
    private readonly Queue<Action<OpTable>> _later = new();
    private readonly Lock _completion = new();
    private volatile bool _isPartial;
    private int _count;

    /// <summary>An empty table.</summary>
    public OpTable()
    {
    }

    /// <summary>Those instructions of another table that satisfy a condition.</summary>
    public OpTable(OpTable all, Func<Code, bool> condition)
    {
        all.Complete(null);
        all._group.CopyTo(_group, 0);
        all._ends.CopyTo(_ends, 0);
        for (int i = 0; i < CodeCount; i++)
        {
            if (!all.Contains((Code)i) || !condition((Code)i))
                continue;
            (_register[i], _memory[i]) = (all._register[i], all._memory[i]);
            _count++;
        }
    }

    /// <summary>The group of the instructions that are added from now on.</summary>
    public OpGroup Group { get; set; }

    /// <summary>The group of those among them that are encoded with VEX.</summary>
    public OpGroup VexGroup { get; set; } = OpGroup.Vex;

    /// <summary>How many instructions have a handler.</summary>
    public int Count
    {
        get
        {
            Complete(null);
            return _count;
        }
    }

    /// <summary>Adds an instruction; null where a form does not exist.</summary>
    /// <exception cref="ArgumentException">It has handlers already.</exception>
    public void Add(
        Code code,
        delegate* managed<SoftwareCpu, Op*, bool> register,
        delegate* managed<SoftwareCpu, Op*, bool> memory)
    {
        if (_register[(int)code] != 0 || _memory[(int)code] != 0)
            throw new ArgumentException($"{code} has handlers already.", nameof(code));
        _group[(int)code] = code.Encoding() == EncodingKind.VEX ? VexGroup : Group;
        _count++;

        // Last, since others may be looking.
        Volatile.Write(ref _register[(int)code], (nint)register);
        Volatile.Write(ref _memory[(int)code], (nint)memory);
    }

    /// <summary>Adds an instruction after which the CPU's mode, mappings or readiness for interrupts may be another: blocks end behind it.</summary>
    /// <exception cref="ArgumentException">It has handlers already.</exception>
    public void AddLast(Code code, delegate* managed<SoftwareCpu, Op*, bool> handler)
    {
        _ends[(int)code] = true;
        Add(code, handler, handler);
    }

    /// <summary>Adds an instruction whose handler does not care where the operand is, or that has none.</summary>
    /// <exception cref="ArgumentException">It has handlers already.</exception>
    public void Add(Code code, delegate* managed<SoftwareCpu, Op*, bool> handler) => Add(code, handler, handler);

    /// <summary>Adds a topic, which adds its instructions when one is looked for that the table and the topics before it do not have.</summary>
    public void AddLater(Action<OpTable> topic)
    {
        _later.Enqueue(topic);
        _isPartial = true;
    }

    /// <summary>Whether the instruction has a handler in either form.</summary>
    public bool Contains(Code code)
    {
        if (!IsThere(code))
            Complete(code);
        return IsThere(code);
    }

    /// <summary>The group of an instruction that has been looked for.</summary>
    public OpGroup GroupOf(Code code) => _group[(int)code];

    /// <summary>Whether blocks end behind the instruction, which has been looked for.</summary>
    public bool EndsBlock(Code code) => _ends[(int)code];

    /// <summary>The handler, or null.</summary>
    [MethodImpl(Jit.Hot)]
    public delegate* managed<SoftwareCpu, Op*, bool> Find(Code code, bool memory)
    {
        ref nint handler = ref (memory ? _memory : _register)[(int)code];
        if (Volatile.Read(ref handler) == 0)
            Complete(code);
        return (delegate* managed<SoftwareCpu, Op*, bool>)Volatile.Read(ref handler);
    }

    private bool IsThere(Code code) => Volatile.Read(ref _register[(int)code]) != 0 || Volatile.Read(ref _memory[(int)code]) != 0;

    /// <summary>Lets topics add their instructions until one is there, or all.</summary>
    private void Complete(Code? wanted)
    {
        if (!_isPartial)
            return;
        lock (_completion)
        {
            while ((wanted is not { } code || !IsThere(code)) && _later.TryDequeue(out Action<OpTable>? topic))
                topic(this);
            _isPartial = _later.Count > 0;
        }
    }
}
