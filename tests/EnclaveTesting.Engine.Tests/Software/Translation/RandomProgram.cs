using EnclaveTesting.Engine.Tests.Software.Differential;
using Iced.Intel;
using static Iced.Intel.AssemblerRegisters;

namespace EnclaveTesting.Engine.Tests.Software.Translation;

/// <summary>
/// Programs of many small blocks that jump to and call each other at random, work on two pages of data (and sometimes run into a third one,
/// which may be missing), change their own immediates, and end when R14 has counted down.
/// </summary>
internal sealed class RandomProgram
{
    public const ulong Data = 0x8_0000;
    private const int DataMask = 0x1FFF;

    private static readonly AssemblerRegister64[] Wide = [rax, rcx, rdx, rbx, rbp, rsi, rdi, r8, r9, r10, r11, r12];
    private static readonly AssemblerRegister32[] Middle = [eax, ecx, edx, ebx, ebp, esi, edi, r8d, r9d, r10d, r11d, r12d];
    private static readonly AssemblerRegister16[] Narrow = [ax, cx, dx, bx, bp, si, di, r8w, r9w, r10w, r11w, r12w];
    private static readonly AssemblerRegister8[] Bytes = [al, cl, dl, bl, ah, ch, dh, bh];

    private readonly TestRandom _random;
    private readonly Assembler _a = new(64);
    private readonly Label[] _blocks;
    private readonly Label[] _functions;
    private readonly List<Label> _patches = [];
    private Label _end;

    public RandomProgram(TestRandom random, int iterations)
    {
        _random = random;
        _blocks = [.. Enumerable.Range(0, 6 + Below(20)).Select(_ => _a.CreateLabel())];
        _functions = [.. Enumerable.Range(0, 3).Select(_ => _a.CreateLabel())];
        _end = _a.CreateLabel();
        _a.mov(r15, Data);
        _a.mov(r14d, iterations);
        for (int i = 0; i < Wide.Length; i++)
            _a.mov(Wide[i], (long)Word());
        for (int i = 0; i < _blocks.Length; i++)
            EmitBlock(i);
        _a.Label(ref _end);
        _a.hlt();
        for (int i = 0; i < _functions.Length; i++)
            EmitFunction(i);
        var stream = new MemoryStream();
        _a.Assemble(new StreamCodeWriter(stream), CpuBed.Code);
        Code = stream.ToArray();
    }

    public byte[] Code { get; }

    private int Below(int limit) => _random.Below(limit);

    private ulong Word() => Below(3) == 0 ? (ulong)Below(4) - 1 : ((ulong)(uint)Below(int.MaxValue) << 33) ^ ((ulong)(uint)Below(int.MaxValue) << 11) ^ (uint)Below(2048);

    private T One<T>(T[] choices) => choices[Below(choices.Length)];

    private void EmitBlock(int index)
    {
        _a.Label(ref _blocks[index]);
        _a.sub(r14d, 1);
        _a.js(_end);
        EmitSome(1 + Below(7));
        if (Below(6) == 0)
            Pad();
        switch (Below(8))
        {
            case 0:
                _a.jmp(One(_blocks));
                break;
            case 1 or 2:
                _a.call(One(_functions));
                break;
            case 3:
                _a.lea(r13, __[One(_functions)]);
                _a.call(r13);
                break;
            case 4:
                // Falls into the next.
                break;
            default:
                EmitJumpIf(One(_blocks));
                break;
        }
    }

    private void EmitFunction(int index)
    {
        // Each on a page of its own.
        for (int i = 0; i < 300 * (index + 1); i++)
            _a.db(0xCC, 0xCC, 0xCC, 0xCC, 0xCC, 0xCC, 0xCC, 0xCC);
        _a.Label(ref _functions[index]);
        _a.push(rbp);
        _a.mov(rbp, rsp);
        EmitSome(1 + Below(4), stack: false);
        Label skip = _a.CreateLabel();
        EmitJumpIf(skip);
        EmitSome(1, stack: false);
        _a.Label(ref skip);
        if (Below(2) == 0)
        {
            _a.mov(rsp, rbp);
            _a.pop(rbp);
        }
        else
        {
            _a.mov(rbp, rsp);
            _a.leave();
        }

        _a.ret();
    }

    private void Pad()
    {
        Label behind = _a.CreateLabel();
        _a.jmp(behind);
        for (int i = Below(600); i > 0; i--)
            _a.db(0x90);
        _a.Label(ref behind);

        // What follows may have a label of its own.
        _a.nop();
    }

    private void EmitJumpIf(Label target)
    {
        switch (Below(16))
        {
            case 0: _a.jo(target); break;
            case 1: _a.jno(target); break;
            case 2: _a.jb(target); break;
            case 3: _a.jae(target); break;
            case 4: _a.je(target); break;
            case 5: _a.jne(target); break;
            case 6: _a.jbe(target); break;
            case 7: _a.ja(target); break;
            case 8: _a.js(target); break;
            case 9: _a.jns(target); break;
            case 10: _a.jp(target); break;
            case 11: _a.jnp(target); break;
            case 12: _a.jl(target); break;
            case 13: _a.jge(target); break;
            case 14: _a.jle(target); break;
            default: _a.jg(target); break;
        }
    }

    private void EmitSome(int count, bool stack = true)
    {
        for (int i = 0; i < count; i++)
        {
            switch (Below(12))
            {
                case 0 or 1 or 2:
                    EmitRegisters();
                    break;
                case 3 or 4 or 5:
                    EmitMemory();
                    break;
                case 6:
                    EmitShift();
                    break;
                case 7:
                    EmitConditional();
                    break;
                case 8 when stack:
                    _a.push(One(Wide));
                    _a.pop(One(Wide));
                    break;
                case 9:
                    EmitPatch();
                    break;
                case 10:
                    EmitOther();
                    break;
                default:
                    EmitImmediate();
                    break;
            }
        }
    }

    private void EmitRegisters()
    {
        AssemblerRegister64 left = One(Wide), right = One(Wide);
        AssemblerRegister32 left32 = One(Middle), right32 = One(Middle);
        switch (Below(20))
        {
            case 0: _a.add(left, right); break;
            case 1: _a.add(left32, right32); break;
            case 2: _a.sub(left, right); break;
            case 3: _a.sub(left32, right32); break;
            case 4: _a.adc(left, right); break;
            case 5: _a.sbb(left32, right32); break;
            case 6: _a.and(left32, right32); break;
            case 7: _a.or(left, right); break;
            case 8: _a.xor(left, right); break;
            case 9: _a.cmp(left32, right32); break;
            case 10: _a.cmp(left, right); break;
            case 11: _a.test(left, left); break;
            case 12: _a.imul(left, right); break;
            case 13: _a.imul(left32, right32); break;
            case 14: _a.add(One(Bytes), One(Bytes)); break;
            case 15: _a.cmp(One(Bytes), One(Bytes)); break;
            case 16: _a.sub(One(Narrow), One(Narrow)); break;
            case 17: _a.xor(left32, left32); break;
            case 18: _a.mov(left, right); break;
            default: _a.xchg(left, right); break;
        }
    }

    private void EmitImmediate()
    {
        AssemblerRegister64 wide = One(Wide);
        AssemblerRegister32 middle = One(Middle);
        int value = (int)Word();
        switch (Below(15))
        {
            case 0: _a.add(wide, value); break;
            case 1: _a.add(middle, value); break;
            case 2: _a.sub(middle, value); break;
            case 3: _a.cmp(wide, value); break;
            case 4: _a.cmp(One(Narrow), (short)value); break;
            case 5: _a.and(wide, value); break;
            case 6: _a.test(middle, value); break;
            case 7: _a.inc(middle); break;
            case 8: _a.dec(wide); break;
            case 9: _a.inc(One(Bytes)); break;
            case 10: _a.neg(wide); break;
            case 11: _a.not(middle); break;
            case 12: _a.mov(One(Bytes), (sbyte)value); break;
            case 13: _a.imul(middle, One(Middle), value); break;
            default: _a.adc(One(Bytes), (sbyte)value); break;
        }
    }

    private void EmitShift()
    {
        var count = (byte)Below(70);
        switch (Below(10))
        {
            case 0: _a.shl(One(Wide), count); break;
            case 1: _a.shr(One(Middle), count); break;
            case 2: _a.sar(One(Wide), count); break;
            case 3: _a.shl(One(Bytes), (byte)(count & 7)); break;
            case 4: _a.sar(One(Narrow), (byte)(count & 15)); break;
            case 5: _a.shl(One(Middle), cl); break;
            case 6: _a.shr(One(Wide), cl); break;
            case 7: _a.rol(One(Middle), count); break;
            case 8: _a.ror(One(Wide), cl); break;
            default: _a.rcl(One(Wide), 1); break;
        }
    }

    private void EmitConditional()
    {
        switch (Below(8))
        {
            case 0: _a.setb(One(Bytes)); break;
            case 1: _a.setle(One(Bytes)); break;
            case 2: _a.cmove(One(Wide), One(Wide)); break;
            case 3: _a.cmovge(One(Middle), One(Middle)); break;
            case 4: _a.cmovs(One(Narrow), One(Narrow)); break;
            case 5: _a.setp(One(Bytes)); break;
            case 6: _a.cmova(One(Middle), One(Middle)); break;
            default: _a.seto(__byte_ptr[r15 + Below(100)]); break;
        }
    }

    private void EmitMemory()
    {
        _a.mov(r13d, One(Middle));
        _a.and(r13d, Below(30) == 0 ? DataMask : DataMask - 0x40);
        int offset = Below(48);
        switch (Below(24))
        {
            case 0: _a.mov(One(Wide), __qword_ptr[r15 + r13 + offset]); break;
            case 1: _a.mov(__qword_ptr[r15 + r13 + offset], One(Wide)); break;
            case 2: _a.mov(One(Middle), __dword_ptr[r15 + r13 + offset]); break;
            case 3: _a.mov(__dword_ptr[r15 + r13 + offset], One(Middle)); break;
            case 4: _a.mov(__byte_ptr[r15 + r13 + offset], One(Bytes[..4])); break;
            case 5: _a.movzx(One(Middle), __byte_ptr[r15 + r13 + offset]); break;
            case 6: _a.movsx(One(Wide), __word_ptr[r15 + r13 + offset]); break;
            case 7: _a.movsxd(One(Wide), __dword_ptr[r15 + r13 + offset]); break;
            case 8: _a.add(One(Wide), __qword_ptr[r15 + r13 + offset]); break;
            case 9: _a.add(__qword_ptr[r15 + r13 + offset], One(Wide)); break;
            case 10: _a.sub(__dword_ptr[r15 + r13 + offset], (int)Word()); break;
            case 11: _a.cmp(__qword_ptr[r15 + r13 + offset], One(Wide)); break;
            case 12: _a.cmp(One(Middle), __dword_ptr[r15 + r13 + offset]); break;
            case 13: _a.inc(__dword_ptr[r15 + r13 + offset]); break;
            case 14: _a.xchg(__qword_ptr[r15 + r13 + offset], One(Wide)); break;
            case 15: _a.cmovl(One(Middle), __dword_ptr[r15 + r13 + offset]); break;
            case 16: _a.push(__qword_ptr[r15 + r13 + offset]); _a.pop(One(Wide)); break;
            case 17: _a.adc(__qword_ptr[r15 + r13 + offset], One(Wide)); break;
            case 18: _a.shr(__dword_ptr[r15 + r13 + offset], 3); break;
            case 19: _a.neg(__word_ptr[r15 + r13 + offset]); break;
            case 20 or 21 or 22: EmitVector(offset); break;
            default: _a.test(__byte_ptr[r15 + r13 + offset], One(Bytes[..4])); break;
        }
    }

    private void EmitVector(int offset)
    {
        AssemblerRegisterXMM[] vectors = [xmm0, xmm1, xmm2, xmm3, xmm9];
        AssemblerRegisterXMM left = One(vectors), right = One(vectors);
        switch (Below(10))
        {
            case 0 or 1: _a.movdqu(left, __xmmword_ptr[r15 + r13 + offset]); break;
            case 2 or 3: _a.movups(__xmmword_ptr[r15 + r13 + offset], left); break;
            case 4:
                // Misaligned now and then.
                if (Below(40) != 0)
                    _a.and(r13d, -16);
                _a.paddd(left, __xmmword_ptr[r15 + r13 + 32]);
                break;
            case 5:
                _a.and(r13d, -16);
                _a.movaps(__xmmword_ptr[r15 + r13 + 16], left);
                break;
            case 6: _a.pxor(left, right); break;
            case 7: _a.pcmpeqb(left, right); break;
            case 8: _a.psubw(left, right); break;
            default: _a.movdqa(left, right); break;
        }
    }

    private void EmitPatch()
    {
        if (_patches.Count > 0 && Below(3) == 0)
        {
            Label patch = One(_patches.ToArray());
            _a.mov(__byte_ptr[patch], One(Bytes[..4]));
            return;
        }

        // ADD EAX, immediate has one byte of opcode.
        Label immediate = _a.CreateLabel();
        _a.db(0x05);
        _a.Label(ref immediate);
        _a.db(0x11, 0x22, 0x33, 0x44);
        _patches.Add(immediate);
    }

    private void EmitOther()
    {
        switch (Below(14))
        {
            case 0: _a.lea(One(Wide), __[r12 + r9 * 4 + 77]); break;
            case 1: _a.lea(One(Middle), __[r8 + rbx * 2 - 5]); break;
            case 2: _a.bswap(One(Wide)); break;
            case 3: _a.cdqe(); break;
            case 4: _a.cqo(); break;
            case 5: _a.movzx(One(Middle[..7]), One(Bytes)); break;
            case 6: _a.movsx(One(Middle[..7]), One(Bytes)); break;
            case 7: _a.mul(One(Wide)); break;
            case 8: _a.bt(One(Wide), (byte)Below(64)); break;
            case 9: _a.popcnt(One(Wide), One(Wide)); break;
            case 10: _a.pushfq(); _a.pop(One(Wide)); break;
            case 11: _a.clc(); break;
            case 12:
                _a.mov(rdi, r15);
                _a.mov(ecx, Below(200));
                _a.rep.stosb();
                break;
            default: _a.div(One(Wide)); break;
        }
    }
}
