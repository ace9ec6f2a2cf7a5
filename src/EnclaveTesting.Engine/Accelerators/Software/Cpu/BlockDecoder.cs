using System.Runtime.CompilerServices;
using EnclaveTesting.Engine.Accelerators.Software.Cpu.Integer;
using EnclaveTesting.Engine.Memory;
using Iced.Intel;

namespace EnclaveTesting.Engine.Accelerators.Software.Cpu;

/// <summary>Turns guest code into blocks: from an address to the first jump, the page's end, or <see cref="MaximumInstructions"/>.</summary>
internal sealed unsafe class BlockDecoder
{
    private const int MaximumInstructions = 64;
    private const int LongestInstruction = 15;

    private readonly GuestMemory _memory;
    private readonly CodeCache _cache;
    private readonly OpTable _table;
    private readonly GuestCodeReader _reader = new();
    private readonly Decoder[] _decoders;
    private readonly Op[] _ops = GC.AllocateArray<Op>(MaximumInstructions + 1, pinned: true);
    private readonly byte[] _window = GC.AllocateArray<byte>(2 * LongestInstruction, pinned: true);

    /// <param name="memory">The guest's RAM.</param>
    /// <param name="cache">Gets the blocks.</param>
    /// <param name="template">The processor: its instructions are decoded, all others are undefined.</param>
    public BlockDecoder(GuestMemory memory, CodeCache cache, CpuTemplate template)
    {
        _memory = memory;
        _cache = cache;
        _table = InstructionSet.For(template);
        DecoderOptions options = InstructionSet.DecodingFor(template);
        _decoders = [Decoder.Create(16, _reader, options), Decoder.Create(32, _reader, options), Decoder.Create(64, _reader, options)];
    }

    /// <summary>Decodes the block at RIP; null if a fetch faulted.</summary>
    /// <param name="cpu">Whose mode counts and who gets the fault.</param>
    /// <param name="rip">RIP.</param>
    /// <param name="linear">RIP with the segment's base.</param>
    /// <param name="physical">Where that is.</param>
    /// <param name="ram">Offset of that in guest RAM.</param>
    [MethodImpl(Jit.Hot)]
    public Block* Decode(SoftwareCpu cpu, ulong rip, ulong linear, ulong physical, ulong ram)
    {
        const ulong pageOffset = MemoryLayout.PageSize - 1;
        CpuMode mode = cpu.Mode;
        Decoder decoder = _decoders[(int)(mode & CpuMode.CodeSize)];
        byte* code = _memory.HostBase + ram;
        var available = (int)(MemoryLayout.PageSize - (ram & pageOffset));
        _reader.Set(code, available);
        decoder.IP = rip;
        int limit = (mode & CpuMode.Stepped) != 0 ? 1 : MaximumInstructions;
        ulong secondPage = ulong.MaxValue;
        int count = 0, bytes = 0;
        bool ended = false, lastOne = false, shadow = false;
        fixed (Op* ops = _ops)
        {
            while (count < limit && !ended && !lastOne)
            {
                decoder.Decode(out Instruction instruction);
                byte* start = code + bytes;
                if (instruction.IsInvalid && decoder.LastError == DecoderError.NoMoreBytes)
                {
                    if (count > 0)
                        break;
                    if (!TryDecodeAcross(cpu, decoder, rip, linear, code, available, out instruction, out secondPage))
                        return null;
                    lastOne = true;
                    fixed (byte* window = _window)
                        start = window;
                }

                // One instruction more runs in the shadow of STI and of loads of SS.
                lastOne |= shadow;
                shadow = instruction.Code == Code.Sti;
                Op* op = ops + count;
                *op = default;
                op->Offset = (ushort)bytes;
                op->Length = (byte)Math.Max(instruction.Length, 1);
                bytes += op->Length;
                ended = OpBuilder.Build(op, instruction, start, mode, rip, _table);
                lastOne |= _table.EndsBlock(instruction.Code);
                count++;
            }

            int instructions = count;
            if (shadow)
                ops[count - 1].Execute = &FlagOps.StiAlone;
            if (!ended)
                OpBuilder.BuildFallThrough(ops + count++, bytes, mode);
            Block* block = _cache.Allocate(count, bytes);
            block->Ram = ram;
            block->SecondPage = secondPage;
            block->Mode = (uint)mode;
            block->Ops = (ushort)count;
            block->Instructions = (ushort)instructions;
            block->Bytes = (ushort)bytes;
            new ReadOnlySpan<Op>(ops, count).CopyTo(new Span<Op>(Block.FirstOp(block), count));
            new Span<Link>(Block.Links(block), 2).Clear();
            CopyCode(block, code, Math.Min(bytes, available), bytes);
            _cache.InsertNew(block, physical & ~pageOffset);
            return block;
        }
    }

    private bool TryDecodeAcross(
        SoftwareCpu cpu, Decoder decoder, ulong rip, ulong linear, byte* code, int available, out Instruction instruction, out ulong secondPage)
    {
        instruction = default;
        secondPage = 0;
        if (!cpu.TryTranslateFetch((linear & ~(MemoryLayout.PageSize - 1)) + MemoryLayout.PageSize, out ulong physical))
            return false;
        new ReadOnlySpan<byte>(code, available).CopyTo(_window);
        int length = available;
        if (_memory.TryTranslate(physical, MemoryLayout.PageSize, out secondPage))
        {
            new ReadOnlySpan<byte>(_memory.HostBase + secondPage, LongestInstruction).CopyTo(_window.AsSpan(available));
            length += LongestInstruction;
        }
        else
        {
            secondPage = 0;
        }

        fixed (byte* window = _window)
        {
            _reader.Set(window, length);
            decoder.IP = rip;
            decoder.Decode(out instruction);
        }

        return true;
    }

    [MethodImpl(Jit.Hot)]
    private void CopyCode(Block* block, byte* code, int onFirst, int bytes)
    {
        var copy = new Span<byte>(Block.Code(block), bytes);
        new ReadOnlySpan<byte>(code, onFirst).CopyTo(copy);
        if (onFirst < bytes)
            _window.AsSpan(onFirst, bytes - onFirst).CopyTo(copy[onFirst..]);
    }

    private sealed class GuestCodeReader : CodeReader
    {
        private byte* _next;
        private int _left;

        public void Set(byte* code, int length)
        {
            _next = code;
            _left = length;
        }

        [MethodImpl(Jit.Hot)]
        public override int ReadByte()
        {
            if (_left == 0)
                return -1;
            _left--;
            return *_next++;
        }
    }
}
