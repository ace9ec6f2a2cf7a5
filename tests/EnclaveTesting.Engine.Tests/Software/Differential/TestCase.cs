using Iced.Intel;

namespace EnclaveTesting.Engine.Tests.Software.Differential;

/// <summary>One program: a few instructions, and what of its outcome the manuals leave open.</summary>
internal sealed class TestCase
{
    /// <summary>The instructions, in order.</summary>
    public List<Instruction> Instructions { get; } = [];

    /// <summary>The code behind the instructions that may be jumped over.</summary>
    public byte[] Code { get; set; } = [];

    /// <summary>RFLAGS that count.</summary>
    public ulong Flags { get; set; }

    /// <summary>Bits of the FPU's status word that count.</summary>
    public ushort X87Status { get; set; }

    /// <summary>Bytes of memory that do not count, from the start of the data.</summary>
    public List<(int Offset, int Length)> Open { get; } = [];

    /// <summary>How far a result in the FPU's registers may be off, in units of the last place; for functions that are only approximated.</summary>
    public int X87Tolerance { get; set; }

    /// <summary>The vector register whose singles are approximations, or -1.</summary>
    public int ApproximateVector { get; set; }

    /// <summary>The vector register whose NaNs may be other NaNs, or -1.</summary>
    public int AnyNanVector { get; set; }

    /// <summary>Starts over.</summary>
    public void Clear()
    {
        Instructions.Clear();
        Open.Clear();
        Flags = 0xCD5;
        X87Status = 0xFFFF;
        X87Tolerance = 0;
        ApproximateVector = -1;
        AnyNanVector = -1;
    }

    public override string ToString() => string.Join("; ", Instructions.Select(i => $"{i} ({i.Code})")) + " = " + Convert.ToHexString(Code);
}
