using Iced.Intel;

namespace EnclaveTesting.Engine.Accelerators.Software.Cpu.Integer;

/// <summary>AAA, AAS, AAM, AAD, DAA, DAS: outside 64-bit code only.</summary>
internal static unsafe class Decimal
{
    public static void Register(OpTable table)
    {
        table.Add(Code.Aaa, &Aaa);
        table.Add(Code.Aas, &Aas);
        table.Add(Code.Aam_imm8, &Aam);
        table.Add(Code.Aad_imm8, &Aad);
        table.Add(Code.Daa, &Daa);
        table.Add(Code.Das, &Das);
    }

    private static bool Aaa(SoftwareCpu cpu, Op* op) => Adjust(cpu.State, 0x106);

    private static bool Aas(SoftwareCpu cpu, Op* op) => Adjust(cpu.State, -0x106);

    private static bool Adjust(CpuState* state, int step)
    {
        var ax = (ushort)state->Gpr[0];
        bool carry = (ax & 15) > 9 || state->Auxiliary;
        if (carry)
            ax = (ushort)(ax + step);
        Width.Set(state, 0, (ushort)(ax & 0xFF0F));
        SetFlags(state, (byte)(ax & 0x0F), carry, carry);
        return true;
    }

    private static bool Aam(SoftwareCpu cpu, Op* op)
    {
        var divisor = (byte)op->Immediate;
        if (divisor == 0)
            return cpu.RaiseException(ExceptionVector.DivideError);
        (byte quotient, byte remainder) = Math.DivRem((byte)cpu.State->Gpr[0], divisor);
        Width.Set(cpu.State, 0, (ushort)((quotient << 8) | remainder));
        SetFlags(cpu.State, remainder, false, false);
        return true;
    }

    private static bool Aad(SoftwareCpu cpu, Op* op)
    {
        ulong ax = cpu.State->Gpr[0];
        var result = (byte)((byte)ax + ((byte)(ax >> 8) * (int)op->Immediate));
        Width.Set(cpu.State, 0, (ushort)result);
        SetFlags(cpu.State, result, false, false);
        return true;
    }

    private static bool Daa(SoftwareCpu cpu, Op* op)
    {
        CpuState* state = cpu.State;
        var al = (byte)state->Gpr[0];
        bool low = (al & 15) > 9 || state->Auxiliary;
        bool high = al > 0x99 || state->Carry;
        var result = (byte)(al + (low ? 6 : 0) + (high ? 0x60 : 0));
        Width.Set(state, 0, result);
        SetFlags(state, result, high, low);
        return true;
    }

    private static bool Das(SoftwareCpu cpu, Op* op)
    {
        CpuState* state = cpu.State;
        var al = (byte)state->Gpr[0];
        bool low = (al & 15) > 9 || state->Auxiliary;
        bool high = al > 0x99 || state->Carry;
        var result = (byte)(al - (low ? 6 : 0) - (high ? 0x60 : 0));
        bool carry = high || (low && al < 6);
        Width.Set(state, 0, result);
        SetFlags(state, result, carry, low);
        return true;
    }

    private static void SetFlags(CpuState* state, byte result, bool carry, bool auxiliary)
    {
        state->SetResult(Width.SignExtend(result));
        state->FlagAuxiliary = auxiliary ? (byte)8 : (byte)0;
        state->SetCarryAndOverflow(carry, false);
    }
}
