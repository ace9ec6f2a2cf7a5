using System.Buffers.Binary;

namespace EnclaveTesting.Engine.Accelerators.Software.Cpu.Simd;

/// <summary>
/// The image of the x87, SSE and AVX state in memory: FXSAVE's 512 bytes (SDM vol. 1, 10.5.1), and behind them XSAVE's header and
/// components (13.4).
/// </summary>
internal static unsafe class StateImage
{
    /// <summary>Bytes of the legacy region.</summary>
    public const int LegacySize = 512;

    /// <summary>Bytes of XSAVE's header.</summary>
    public const int HeaderSize = 64;

    /// <summary>Where the upper halves of the YMM registers are, in both formats: they are the only component beyond the legacy region.</summary>
    public const int AvxOffset = LegacySize + HeaderSize;

    /// <summary>Bytes of the upper halves.</summary>
    public const int AvxSize = 256;

    /// <summary>Bytes of the legacy region before MXCSR.</summary>
    public const int ControlSize = 24;

    /// <summary>Where MXCSR is; its mask follows.</summary>
    public const int MxcsrOffset = 24;

    /// <summary>Where the x87 registers are.</summary>
    public const int X87Offset = 32;

    /// <summary>Where the XMM registers are.</summary>
    public const int XmmOffset = 160;

    /// <summary>The bits of MXCSR that may be set.</summary>
    public const uint MxcsrMask = 0xFFFF;

    /// <summary>MXCSR after reset.</summary>
    public const uint MxcsrDefault = 0x1F80;

    /// <summary>The FPU control word after FNINIT.</summary>
    public const ushort ControlDefault = 0x37F;

    /// <summary>Control, status and tag words and pointers: 24 bytes.</summary>
    public static void WriteX87Control(CpuState* state, Span<byte> image, bool wide)
    {
        BinaryPrimitives.WriteUInt16LittleEndian(image, state->X87Control);
        BinaryPrimitives.WriteUInt16LittleEndian(image[2..], state->X87Status);
        BinaryPrimitives.WriteUInt16LittleEndian(image[4..], state->X87Tag);
        BinaryPrimitives.WriteUInt16LittleEndian(image[6..], state->X87Opcode);
        ulong instruction = state->X87InstructionPointer;
        ulong data = state->X87DataPointer;
        if (!wide)
        {
            instruction = (uint)instruction | ((ulong)state->X87InstructionSelector << 32);
            data = (uint)data | ((ulong)state->X87DataSelector << 32);
        }

        BinaryPrimitives.WriteUInt64LittleEndian(image[8..], instruction);
        BinaryPrimitives.WriteUInt64LittleEndian(image[16..], data);
    }

    /// <summary>The x87 registers from the top of the stack on: 128 bytes.</summary>
    public static void WriteX87Registers(CpuState* state, Span<byte> image)
    {
        image[..128].Clear();
        int top = state->X87Status >> 11;
        for (int i = 0; i < 8; i++)
            new ReadOnlySpan<byte>(state->X87 + (((top + i) & 7) * 16), 10).CopyTo(image[(i * 16)..]);
    }

    /// <summary>Loads control, status and tag words and pointers.</summary>
    public static void ReadX87Control(CpuState* state, ReadOnlySpan<byte> image, bool wide)
    {
        state->X87Control = (ushort)(BinaryPrimitives.ReadUInt16LittleEndian(image) & 0x1F7F | 0x40);
        state->X87Status = BinaryPrimitives.ReadUInt16LittleEndian(image[2..]);
        state->X87Tag = image[4];
        state->X87Opcode = (ushort)(BinaryPrimitives.ReadUInt16LittleEndian(image[6..]) & 0x7FF);
        ulong instruction = BinaryPrimitives.ReadUInt64LittleEndian(image[8..]);
        ulong data = BinaryPrimitives.ReadUInt64LittleEndian(image[16..]);
        state->X87InstructionSelector = wide ? (ushort)0 : (ushort)(instruction >> 32);
        state->X87DataSelector = wide ? (ushort)0 : (ushort)(data >> 32);
        state->X87InstructionPointer = wide ? instruction : (uint)instruction;
        state->X87DataPointer = wide ? data : (uint)data;
        UpdateErrorSummary(state);
    }

    /// <summary>Loads the x87 registers; TOP is already loaded.</summary>
    public static void ReadX87Registers(CpuState* state, ReadOnlySpan<byte> image)
    {
        int top = state->X87Status >> 11;
        for (int i = 0; i < 8; i++)
        {
            byte* register = state->X87 + (((top + i) & 7) * 16);
            image.Slice(i * 16, 10).CopyTo(new Span<byte>(register, 10));
        }
    }

    /// <summary>The x87 state after FNINIT, with all registers zero.</summary>
    public static void ResetX87(CpuState* state)
    {
        InitializeX87(state);
        new Span<byte>(state->X87, 128).Clear();
    }

    /// <summary>What FNINIT does; the registers stay.</summary>
    public static void InitializeX87(CpuState* state)
    {
        state->X87Control = ControlDefault;
        state->X87Status = 0;
        state->X87Tag = 0;
        state->X87Opcode = 0;
        state->X87InstructionPointer = 0;
        state->X87DataPointer = 0;
        state->X87InstructionSelector = 0;
        state->X87DataSelector = 0;
    }

    /// <summary>The error summary and busy bits follow from the exceptions and their masks.</summary>
    public static void UpdateErrorSummary(CpuState* state)
    {
        const ushort Summary = 0x8080;
        bool pending = (state->X87Status & ~state->X87Control & 0x3F) != 0;
        state->X87Status = (ushort)(pending ? state->X87Status | Summary : state->X87Status & ~Summary);
    }

    /// <summary>The lower halves of the vector registers. Outside 64-bit mode there are eight of them.</summary>
    public static void WriteXmm(CpuState* state, Span<byte> image, int count)
    {
        for (int i = 0; i < count; i++)
            new ReadOnlySpan<byte>(SimdUnit.Xmm(state, i), 16).CopyTo(image[(i * 16)..]);
    }

    /// <summary>Loads the lower halves of the vector registers.</summary>
    public static void ReadXmm(CpuState* state, ReadOnlySpan<byte> image, int count)
    {
        for (int i = 0; i < count; i++)
            image.Slice(i * 16, 16).CopyTo(new Span<byte>(SimdUnit.Xmm(state, i), 16));
    }

    /// <summary>The upper halves of the YMM registers.</summary>
    public static void WriteUpper(CpuState* state, Span<byte> image, int count)
    {
        for (int i = 0; i < count; i++)
            new ReadOnlySpan<byte>(SimdUnit.Xmm(state, i) + 1, 16).CopyTo(image[(i * 16)..]);
    }

    /// <summary>Loads the upper halves of the YMM registers.</summary>
    public static void ReadUpper(CpuState* state, ReadOnlySpan<byte> image, int count)
    {
        for (int i = 0; i < count; i++)
            image.Slice(i * 16, 16).CopyTo(new Span<byte>(SimdUnit.Xmm(state, i) + 1, 16));
    }

    /// <summary>16 in 64-bit mode, else 8.</summary>
    public static int VectorCount(CpuState* state) => IsLong(state) ? 16 : 8;

    /// <summary>64-bit mode.</summary>
    public static bool IsLong(CpuState* state)
        => (state->Efer & (1 << 10)) != 0 && (state->SegmentAttributes[CpuState.Cs] & (1 << 13)) != 0;
}
