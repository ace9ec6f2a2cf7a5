using System.Buffers.Binary;
using System.Numerics;
using System.Runtime.Intrinsics.X86;
using EnclaveTesting.Engine.Accelerators.Software.Cpu.Simd;

namespace EnclaveTesting.Engine.Accelerators.Kvm;

/// <summary>
/// What XSAVES and XRSTORS do (SDM vol. 1, 13.11 and 13.12), with all components that the host's processor has, between the compacted format in the
/// guest's memory and the standard format that KVM speaks.
/// </summary>
internal static class KvmCompactedState
{
    private const ulong X87 = 1, Sse = 2, Avx = 4, Compacted = 1UL << 63;
    private const int MostComponents = 64, ExtendedStateLeaf = 0xD;
    private const int StateBits = StateImage.LegacySize, Layout = StateBits + 8, HeaderEnd = StateImage.AvxOffset;
    private const int MxcsrSize = 8, X87Size = 128, XmmSize = 256, ControlSize = StateImage.ControlSize;

    /// <summary>Bytes of an area with these components.</summary>
    public static int Size(ulong components)
    {
        Span<Component> list = stackalloc Component[MostComponents];
        int count = List(components, list);
        return count == 0 ? HeaderEnd : list[count - 1].Offset + list[count - 1].Size;
    }

    /// <summary>XSAVES.</summary>
    /// <param name="image">The CPU's state, in the standard format.</param>
    /// <param name="area">What the memory held, and will hold.</param>
    /// <param name="requested">The components asked for, of those that are switched on.</param>
    public static void Save(ReadOnlySpan<byte> image, Span<byte> area, ulong requested)
    {
        ulong used = BinaryPrimitives.ReadUInt64LittleEndian(image[StateBits..]);
        ReadOnlySpan<byte> mxcsr = image.Slice(StateImage.MxcsrOffset, MxcsrSize);
        if (BinaryPrimitives.ReadUInt32LittleEndian(mxcsr) != StateImage.MxcsrDefault && (used & (Sse | Avx)) != 0)
            used |= Sse;
        ulong saved = used & requested;
        if ((saved & X87) != 0)
        {
            image[..ControlSize].CopyTo(area);
            image.Slice(StateImage.X87Offset, X87Size).CopyTo(area[StateImage.X87Offset..]);
        }

        if ((requested & Sse) != 0)
            mxcsr.CopyTo(area[StateImage.MxcsrOffset..]);
        if ((saved & Sse) != 0)
            image.Slice(StateImage.XmmOffset, XmmSize).CopyTo(area[StateImage.XmmOffset..]);
        BinaryPrimitives.WriteUInt64LittleEndian(area[StateBits..], saved);
        BinaryPrimitives.WriteUInt64LittleEndian(area[Layout..], requested | Compacted);
        Span<Component> list = stackalloc Component[MostComponents];
        foreach ((int number, int offset, int size) in list[..List(requested, list)])
        {
            if ((saved >> number & 1) != 0)
                image.Slice(StandardOffset(number), size).CopyTo(area[offset..]);
        }
    }

    /// <summary>XRSTORS; false where the area is not one.</summary>
    /// <param name="image">The CPU's state, in the standard format.</param>
    /// <param name="area">What the memory holds.</param>
    /// <param name="requested">The components asked for, of those that are switched on.</param>
    public static bool TryRestore(Span<byte> image, ReadOnlySpan<byte> area, ulong requested)
    {
        ulong layout = BinaryPrimitives.ReadUInt64LittleEndian(area[Layout..]);
        ulong present = BinaryPrimitives.ReadUInt64LittleEndian(area[StateBits..]);
        uint mxcsr = BinaryPrimitives.ReadUInt32LittleEndian(area[StateImage.MxcsrOffset..]);
        bool possible = (layout & Compacted) != 0 && (present & ~layout) == 0 && (mxcsr & ~StateImage.MxcsrMask) == 0 && area.Length >= Size(layout & ~Compacted);
        if (!possible)
            return false;
        ulong used = BinaryPrimitives.ReadUInt64LittleEndian(image[StateBits..]) & ~requested;
        ulong restored = present & requested;
        if ((restored & X87) != 0)
        {
            area[..ControlSize].CopyTo(image);
            area.Slice(StateImage.X87Offset, X87Size).CopyTo(image[StateImage.X87Offset..]);
        }

        if ((requested & Sse) != 0)
            BinaryPrimitives.WriteUInt32LittleEndian(image[StateImage.MxcsrOffset..], (restored & Sse) != 0 ? mxcsr : StateImage.MxcsrDefault);
        if ((restored & Sse) != 0)
            area.Slice(StateImage.XmmOffset, XmmSize).CopyTo(image[StateImage.XmmOffset..]);
        Span<Component> list = stackalloc Component[MostComponents];
        foreach ((int number, int offset, int size) in list[..List(layout, list)])
        {
            if ((restored >> number & 1) != 0)
                area.Slice(offset, size).CopyTo(image[StandardOffset(number)..]);
        }

        BinaryPrimitives.WriteUInt64LittleEndian(image[StateBits..], used | restored);
        return true;
    }

    /// <summary>The components beyond the legacy region in the compacted format, with their places; how many.</summary>
    private static int List(ulong components, Span<Component> list)
    {
        int offset = HeaderEnd, count = 0;
        for (ulong left = components & ~(X87 | Sse | Compacted); left != 0; left &= left - 1)
        {
            const int alignment = 64, aligned = 2;
            int number = BitOperations.TrailingZeroCount(left);
            (int size, _, int flags, _) = X86Base.CpuId(ExtendedStateLeaf, number);
            if ((flags & aligned) != 0)
                offset = (offset + alignment - 1) & -alignment;
            list[count++] = new Component(number, offset, size);
            offset += size;
        }

        return count;
    }

    private static int StandardOffset(int number) => X86Base.CpuId(ExtendedStateLeaf, number).Ebx;

    private readonly record struct Component(int Number, int Offset, int Size);
}
