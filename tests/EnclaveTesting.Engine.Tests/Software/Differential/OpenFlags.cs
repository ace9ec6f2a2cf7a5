using Iced.Intel;

namespace EnclaveTesting.Engine.Tests.Software.Differential;

/// <summary>Which arithmetic flags the manuals leave open after instructions, as bits of RFLAGS.</summary>
internal static class OpenFlags
{
    /// <summary>What an instruction leaves open.</summary>
    public static ulong Of(in Instruction instruction) => Bits(Undefined(instruction));

    /// <summary>What is open after an instruction, given what was before; null if it reads one of those.</summary>
    public static ulong? After(ulong open, in Instruction instruction)
    {
        if ((open & Bits(instruction.RflagsRead)) != 0)
            return null;
        bool byCount = instruction.OpCount > 0 && instruction.GetOpKind(instruction.OpCount - 1) == OpKind.Register
            && instruction.GetOpRegister(instruction.OpCount - 1) == Register.CL;
        bool shifts = instruction.Mnemonic is Mnemonic.Shl or Mnemonic.Sal or Mnemonic.Shr or Mnemonic.Sar or Mnemonic.Rol or Mnemonic.Ror or Mnemonic.Rcl or Mnemonic.Rcr;

        // A count of zero leaves all flags as they were.
        ulong closed = byCount && shifts ? 0 : Bits(instruction.RflagsWritten | instruction.RflagsCleared | instruction.RflagsSet);
        return (open & ~closed) | Of(instruction);
    }

    // Iced takes a count that is a multiple of the rotated bits for no rotation; the manual leaves OF open for every count but 0 and 1.
    private static RflagsBits Undefined(in Instruction instruction)
    {
        bool rotates = instruction.Mnemonic is Mnemonic.Rcl or Mnemonic.Rcr && instruction.Op1Kind == OpKind.Immediate8 && (instruction.Immediate8 & 31) > 1;
        return rotates ? instruction.RflagsUndefined | RflagsBits.OF : instruction.RflagsUndefined;
    }

    private static ulong Bits(RflagsBits flags)
    {
        ulong bits = 0;
        if ((flags & RflagsBits.CF) != 0)
            bits |= 1;
        if ((flags & RflagsBits.PF) != 0)
            bits |= 4;
        if ((flags & RflagsBits.AF) != 0)
            bits |= 0x10;
        if ((flags & RflagsBits.ZF) != 0)
            bits |= 0x40;
        if ((flags & RflagsBits.SF) != 0)
            bits |= 0x80;
        if ((flags & RflagsBits.OF) != 0)
            bits |= 0x800;
        return bits;
    }
}
