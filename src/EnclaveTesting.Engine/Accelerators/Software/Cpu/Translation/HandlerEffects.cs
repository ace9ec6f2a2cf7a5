using Iced.Intel;

namespace EnclaveTesting.Engine.Accelerators.Software.Cpu.Translation;

/// <summary>Which general registers, and which vector registers, an interpreter's handler reads and writes, by number.</summary>
/// <param name="Touched">Those it reads or writes.</param>
/// <param name="Written">Those it may write.</param>
/// <param name="IsContained">It does nothing else but compute and access memory: no counter, mode or mapping changes.</param>
/// <param name="Stores">It may store.</param>
/// <param name="UsesFlags">It reads or writes flags of arithmetic.</param>
/// <param name="TouchedVectors">Vector registers it reads or writes.</param>
/// <param name="WrittenVectors">Vector registers it may write.</param>
internal readonly record struct HandlerEffects(
    uint Touched, uint Written, bool IsContained, bool Stores, bool UsesFlags, uint TouchedVectors, uint WrittenVectors)
{
    private static readonly InstructionInfoFactory Factory = new();

    /// <summary>Anything may happen.</summary>
    public static HandlerEffects Unknown => new(uint.MaxValue, uint.MaxValue, false, true, true, uint.MaxValue, uint.MaxValue);

    /// <summary>The effects of an instruction.</summary>
    public static HandlerEffects Of(in Instruction instruction)
    {
        if (instruction.IsInvalid || !IsPlain(instruction))
            return Unknown;
        InstructionInfo info;
        lock (Factory)
            info = Factory.GetInfo(instruction);
        uint touched = 0, written = 0, touchedVectors = 0, writtenVectors = 0;
        foreach (UsedRegister used in info.GetUsedRegisters())
        {
            bool writes = used.Access is not (OpAccess.Read or OpAccess.CondRead or OpAccess.NoMemAccess);
            if (used.Register.IsGPR())
            {
                uint bit = 1u << (used.Register.GetFullRegister() - Register.RAX);
                touched |= bit;
                written |= writes ? bit : 0;
            }
            else if (used.Register.IsVectorRegister())
            {
                uint bit = 1u << used.Register.GetNumber();
                touchedVectors |= bit;
                writtenVectors |= writes ? bit : 0;
            }
        }

        bool stores = false;
        foreach (UsedMemory used in info.GetUsedMemory())
            stores |= used.Access is not (OpAccess.Read or OpAccess.CondRead or OpAccess.NoMemAccess);
        bool usesFlags = (instruction.RflagsRead | instruction.RflagsModified) != RflagsBits.None;
        return new HandlerEffects(touched, written, true, stores, usesFlags, touchedVectors, writtenVectors);
    }

    private static bool IsPlain(in Instruction instruction)
    {
        if (instruction.HasRepePrefix || instruction.HasRepnePrefix || instruction.FlowControl != FlowControl.Next || instruction.IsSaveRestoreInstruction)
            return false;
        return IsVector(instruction.Code) || InstructionSet.Table.GroupOf(instruction.Code) != OpGroup.Integer || instruction.Mnemonic is Mnemonic.Mul or Mnemonic.Imul or Mnemonic.Div
            or Mnemonic.Idiv or Mnemonic.Shl or Mnemonic.Shr or Mnemonic.Sar or Mnemonic.Rol or Mnemonic.Ror or Mnemonic.Rcl or Mnemonic.Rcr or Mnemonic.Shld
            or Mnemonic.Shrd or Mnemonic.Bt or Mnemonic.Bts or Mnemonic.Btr or Mnemonic.Btc or Mnemonic.Bsf or Mnemonic.Bsr or Mnemonic.Tzcnt
            or Mnemonic.Lzcnt or Mnemonic.Popcnt or Mnemonic.Cmpxchg or Mnemonic.Xadd or Mnemonic.Xchg or Mnemonic.Add or Mnemonic.Sub or Mnemonic.And
            or Mnemonic.Or or Mnemonic.Xor or Mnemonic.Inc or Mnemonic.Dec or Mnemonic.Movbe or Mnemonic.Mulx or Mnemonic.Andn or Mnemonic.Bextr
            or Mnemonic.Blsi or Mnemonic.Blsr or Mnemonic.Blsmsk or Mnemonic.Bzhi or Mnemonic.Rorx or Mnemonic.Sarx or Mnemonic.Shlx or Mnemonic.Shrx;
    }

    private static bool IsVector(Code code)
    {
        foreach (CpuidFeature feature in code.CpuidFeatures())
        {
            if (feature is CpuidFeature.SSE or CpuidFeature.SSE2 or CpuidFeature.SSE3 or CpuidFeature.SSSE3 or CpuidFeature.SSE4_1 or CpuidFeature.SSE4_2
                or CpuidFeature.AVX or CpuidFeature.AVX2 or CpuidFeature.FMA or CpuidFeature.F16C)
                return true;
        }

        return false;
    }
}
