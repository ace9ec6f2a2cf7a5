using Iced.Intel;

namespace EnclaveTesting.Engine.Tests.Software.Differential;

/// <summary>
/// Makes sequences that can be executed again and again with other registers, flags and data: the registers that address memory keep their
/// values, and flags that an instruction leaves open are never read. Now and then an instruction is jumped over.
/// </summary>
internal sealed unsafe class SequenceBuilder
{
    private const int MaximumLength = 20, JumpPercent = 8, OtherPercent = 20, LongestInstruction = 15;
    private const int OperandBytes = 128;
    private const byte JumpIf = 0x70;

    private readonly TestRandom _random;
    private readonly OperandFiller _filler;
    private readonly Encoder _encoder;
    private readonly ByteWriter _writer = new();
    private readonly Code[] _translated, _others;
    private readonly Instruction[] _jumps;

    /// <param name="random">Where everything comes from.</param>
    /// <param name="translated">Instructions that most of a sequence consists of; those that cannot be in one are left out.</param>
    /// <param name="others">Instructions that are scattered among them.</param>
    public SequenceBuilder(TestRandom random, IEnumerable<Code> translated, IEnumerable<Code> others)
    {
        _random = random;
        _filler = new OperandFiller(random);
        _encoder = Encoder.Create(64, _writer);
        _translated = [.. translated.Where(IsRepeatable)];
        _others = [.. others.Where(CaseBuilder.IsPlain)];
        _jumps = [.. Enumerable.Range(0, 16).Select(condition => Decode(condition))];
    }

    /// <summary>The instructions that most of a sequence consists of.</summary>
    public IReadOnlyList<Code> Translated => _translated;

    /// <summary>Where in the code each instruction of the last sequence ends, and which flags are open there.</summary>
    public List<(int Length, ulong OpenFlags)> Ends { get; } = [];

    /// <summary>Makes one.</summary>
    public void Build(ulong address, RegisterImage* registers, Span<byte> data, TestCase result)
    {
        RandomState.Fill(_random, registers);
        OperandValues.Vectors(_random, data);
        _filler.Pin(registers);
        _filler.StackPointer = CodeLayout.Stack;
        _writer.Clear();
        Ends.Clear();
        result.Clear();
        int count = 1 + _random.Below(MaximumLength);
        ulong open = 0;
        for (int tries = 0; tries < 20 * count && result.Instructions.Count < count && _writer.Length < CodeLayout.SlotSize - (4 * LongestInstruction); tries++)
        {
            int condition = _random.Below(16);
            bool jumps = _random.Chance(JumpPercent) && OpenFlags.After(open, _jumps[condition]) != null;
            int jump = _writer.Length;
            if (jumps)
                _writer.Write([(byte)(JumpIf | condition), 0]);
            ulong? after = TryAdd(address, registers, open, stack: !jumps, result);
            if (after is not { } flags)
            {
                _writer.Truncate(jump);
                continue;
            }

            if (jumps)
            {
                _writer[jump + 1] = (byte)(_writer.Length - jump - 2);
                result.Instructions.Insert(result.Instructions.Count - 1, _jumps[condition]);
                flags |= open;
            }

            open = flags;
            Ends.Add((_writer.Length, open));
        }

        result.Code = _writer.ToArray();
        result.Flags &= ~open;
    }

    /// <summary>Other values for everything but the addressing registers.</summary>
    public void Refresh(RegisterImage* registers, Span<byte> data)
    {
        RegisterImage before = *registers;
        RandomState.Fill(_random, registers);
        OperandFiller.CopyPinned(&before, registers);
        OperandValues.Vectors(_random, data.Slice((int)(CodeLayout.Operands - CodeLayout.Data), OperandBytes));
    }

    private static bool IsRepeatable(Code code) => code.FlowControl() == FlowControl.Next && code.Mnemonic() is not (Mnemonic.Leave or Mnemonic.Div or Mnemonic.Idiv)
        && (code.Mnemonic() != Mnemonic.Pop || code == Code.Pop_r64);

    private static Instruction Decode(int condition)
    {
        var decoder = Decoder.Create(64, [(byte)(JumpIf | condition), 0]);
        return decoder.Decode();
    }

    private ulong? TryAdd(ulong address, RegisterImage* registers, ulong open, bool stack, TestCase result)
    {
        Code code = _random.Pick<Code>(_others.Length > 0 && _random.Chance(OtherPercent) ? _others : _translated);
        bool isStack = code.Mnemonic() is Mnemonic.Push or Mnemonic.Pop;
        if (isStack && !stack)
            return null;
        Instruction instruction = _filler.Fill(code, registers, _random.Chance(50));
        if (OpenFlags.After(open, instruction) is not { } after || !_encoder.TryEncode(instruction, address + (ulong)_writer.Length, out _, out _))
            return null;
        if (isStack)
            _filler.StackPointer = code.Mnemonic() == Mnemonic.Push ? _filler.StackPointer - 8 : _filler.StackPointer + 8;
        result.Instructions.Add(instruction);
        return after;
    }
}
