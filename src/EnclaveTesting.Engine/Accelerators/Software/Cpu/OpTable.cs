using Iced.Intel;

namespace EnclaveTesting.Engine.Accelerators.Software.Cpu;

/// <summary>Which handler executes which instruction: one for operands in registers, one for an operand in memory.</summary>
internal sealed unsafe class OpTable
{
    private static readonly int CodeCount = (int)Enum.GetValues<Code>()[^1] + 1;

    private readonly nint[] _register = new nint[CodeCount];
    private readonly nint[] _memory = new nint[CodeCount];

    private readonly OpGroup[] _group = new OpGroup[CodeCount];
    private readonly bool[] _ends = new bool[CodeCount];

    /// <summary>An empty table.</summary>
    public OpTable()
    {
    }

    /// <summary>Those instructions of another table that satisfy a condition.</summary>
    public OpTable(OpTable all, Func<Code, bool> condition)
    {
        all._group.CopyTo(_group, 0);
        all._ends.CopyTo(_ends, 0);
        for (int i = 0; i < CodeCount; i++)
        {
            if (!all.Contains((Code)i) || !condition((Code)i))
                continue;
            (_register[i], _memory[i]) = (all._register[i], all._memory[i]);
            Count++;
        }
    }

    /// <summary>The group of the instructions that are added from now on.</summary>
    public OpGroup Group { get; set; }

    /// <summary>The group of those among them that are encoded with VEX.</summary>
    public OpGroup VexGroup { get; set; } = OpGroup.Vex;

    /// <summary>How many instructions have a handler.</summary>
    public int Count { get; private set; }

    /// <summary>Adds an instruction; null where a form does not exist.</summary>
    /// <exception cref="ArgumentException">It has handlers already.</exception>
    public void Add(
        Code code,
        delegate* managed<SoftwareCpu, Op*, bool> register,
        delegate* managed<SoftwareCpu, Op*, bool> memory)
    {
        if (_register[(int)code] != 0 || _memory[(int)code] != 0)
            throw new ArgumentException($"{code} has handlers already.", nameof(code));
        _register[(int)code] = (nint)register;
        _memory[(int)code] = (nint)memory;
        _group[(int)code] = code.Encoding() == EncodingKind.VEX ? VexGroup : Group;
        Count++;
    }

    /// <summary>Adds an instruction after which the CPU's mode, mappings or readiness for interrupts may be another: blocks end behind it.</summary>
    /// <exception cref="ArgumentException">It has handlers already.</exception>
    public void AddLast(Code code, delegate* managed<SoftwareCpu, Op*, bool> handler)
    {
        Add(code, handler, handler);
        _ends[(int)code] = true;
    }

    /// <summary>Adds an instruction whose handler does not care where the operand is, or that has none.</summary>
    /// <exception cref="ArgumentException">It has handlers already.</exception>
    public void Add(Code code, delegate* managed<SoftwareCpu, Op*, bool> handler) => Add(code, handler, handler);

    /// <summary>Whether the instruction has a handler in either form.</summary>
    public bool Contains(Code code) => _register[(int)code] != 0 || _memory[(int)code] != 0;

    /// <summary>The instruction's group.</summary>
    public OpGroup GroupOf(Code code) => _group[(int)code];

    /// <summary>Whether blocks end behind the instruction.</summary>
    public bool EndsBlock(Code code) => _ends[(int)code];

    /// <summary>The handler, or null.</summary>
    public delegate* managed<SoftwareCpu, Op*, bool> Find(Code code, bool memory) =>
        (delegate* managed<SoftwareCpu, Op*, bool>)(memory ? _memory : _register)[(int)code];
}
