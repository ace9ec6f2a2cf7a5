using System.Numerics;
using Iced.Intel;

namespace EnclaveTesting.Engine.Tests.Software.Differential;

/// <summary>Operands of DIV and IDIV whose quotient fits, since a #DE would be a signal.</summary>
internal static unsafe class Division
{
    private const int Attempts = 30;

    public static bool TryPrepare(TestRandom random, in Instruction instruction, RegisterImage* registers, Span<byte> data, int operand)
    {
        bool signed = instruction.Mnemonic == Mnemonic.Idiv;
        int bits = 8 * (instruction.Op0Kind == OpKind.Memory ? instruction.MemorySize.GetSize() : instruction.Op0Register.GetSize());
        for (int i = 0; i < Attempts; i++)
        {
            registers->Gpr[0] = OperandValues.Integer(random);
            registers->Gpr[2] = random.Chance(50) ? OperandValues.Integer(random) >> random.Below(64) : signed && (long)registers->Gpr[0] < 0 ? ulong.MaxValue : 0;
            if (bits == 8)
                registers->Gpr[0] = random.Next() >> (64 - 4 - random.Below(12));
            ulong divisor = OperandValues.Integer(random);
            if (instruction.Op0Kind == OpKind.Memory)
                BitConverter.TryWriteBytes(data[operand..], divisor);
            else if (instruction.Op0Register.GetFullRegister().GetNumber() is not 0 and not 2)
                registers->Gpr[instruction.Op0Register.GetFullRegister().GetNumber()] = divisor;
            if (Fits(instruction, registers, data, operand, bits, signed))
                return true;
        }

        return false;
    }

    private static bool Fits(in Instruction instruction, RegisterImage* registers, Span<byte> data, int operand, int bits, bool signed)
    {
        ulong raw;
        if (instruction.Op0Kind == OpKind.Memory)
        {
            raw = BitConverter.ToUInt64(data[operand..]);
        }
        else
        {
            raw = registers->Gpr[instruction.Op0Register.GetFullRegister().GetNumber()];
            if (instruction.Op0Register is Register.AH or Register.CH or Register.DH or Register.BH)
                raw >>= 8;
        }

        BigInteger size = BigInteger.One << bits;
        BigInteger low = registers->Gpr[0] % size;
        BigInteger high = registers->Gpr[2] % size;
        BigInteger dividend = bits == 8 ? (registers->Gpr[0] & 0xFFFF) : (high << bits) + low;
        BigInteger divisor = raw % size;
        if (signed)
        {
            dividend = Signed(dividend, 2 * bits);
            divisor = Signed(divisor, bits);
        }

        if (divisor.IsZero)
            return false;
        BigInteger quotient = BigInteger.Divide(dividend, divisor);
        BigInteger half = size >> 1;
        return signed ? quotient >= -half && quotient < half : quotient < size;
    }

    private static BigInteger Signed(BigInteger value, int bits) => value >= BigInteger.One << (bits - 1) ? value - (BigInteger.One << bits) : value;
}
