namespace EnclaveTesting.Engine.Accelerators.Software.Cpu.Simd;

/// <summary>
/// Loads, stores and gathers of the elements a mask chooses by its sign bits. Elements that are not chosen cannot fault (SDM vol. 2, VMASKMOV,
/// VPMASKMOV, VGATHERDPS). T is an element, a wide operation has 256 bits.
/// </summary>
internal static unsafe class MaskedMoveHandlers
{
    private const int NarrowBytes = 16, WideBytes = 32;

    /// <summary>VMASKMOVPx, VPMASKMOVx from memory: elements not chosen become zero.</summary>
    public static bool Load<T, TWide>(SoftwareCpu cpu, Op* op)
        where T : unmanaged
        where TWide : struct, ScalarConversionHandlers.IChoice
    {
        T* mask = Elements<T>(cpu, op->Vvvv);
        T* loaded = stackalloc T[WideBytes / sizeof(T)];
        new Span<byte>(loaded, WideBytes).Clear();
        ulong address = cpu.Address(op);
        for (int i = 0; i < Length<TWide>() / sizeof(T); i++)
        {
            if (IsChosen(mask, i) && !cpu.TryLoad(address + (ulong)(i * sizeof(T)), out loaded[i]))
                return false;
        }

        Set(cpu, op->Reg, loaded);
        return true;
    }

    /// <summary>VMASKMOVPx, VPMASKMOVx to memory.</summary>
    public static bool Store<T, TWide>(SoftwareCpu cpu, Op* op)
        where T : unmanaged
        where TWide : struct, ScalarConversionHandlers.IChoice
    {
        T* mask = Elements<T>(cpu, op->Vvvv);
        T* source = Elements<T>(cpu, op->Reg);
        ulong address = cpu.Address(op);
        // All faults come before the first element is stored.
        for (int i = 0; i < Length<TWide>() / sizeof(T); i++)
        {
            if (IsChosen(mask, i) && !cpu.TryLoadForStore(address + (ulong)(i * sizeof(T)), out T _))
                return false;
        }

        for (int i = 0; i < Length<TWide>() / sizeof(T); i++)
        {
            if (IsChosen(mask, i) && !cpu.TryStore(address + (ulong)(i * sizeof(T)), source[i]))
                return false;
        }

        return true;
    }

    /// <summary>
    /// VGATHERxPx, VPGATHERxx: each element loaded clears its mask, so that a fault in between finds what is done and the instruction goes on
    /// from there when it is tried again.
    /// </summary>
    public static bool Gather<T, TIndex, TWide>(SoftwareCpu cpu, Op* op)
        where T : unmanaged
        where TIndex : unmanaged
        where TWide : struct, ScalarConversionHandlers.IChoice
    {
        CpuState* state = cpu.State;
        T* mask = Elements<T>(cpu, op->Vvvv);
        T* target = Elements<T>(cpu, op->Reg);
        TIndex* indices = Elements<TIndex>(cpu, op->Index);
        int count = Length<TWide>() / Math.Max(sizeof(T), sizeof(TIndex));
        ulong start = state->Gpr[op->Base] + (ulong)(long)op->Displacement;
        for (int i = 0; i < count; i++)
        {
            if (!IsChosen(mask, i))
                continue;
            long index = sizeof(TIndex) == 4 ? ((int*)indices)[i] : ((long*)indices)[i];
            if (!cpu.TryLoad(cpu.SourceAddress(op, start + (ulong)(index << op->Scale), sizeof(T)), out T value))
                return false;
            target[i] = value;
            mask[i] = default;
        }

        new Span<byte>(mask, WideBytes).Clear();
        new Span<T>(target + count, (WideBytes / sizeof(T)) - count).Clear();
        return true;
    }

    private static int Length<TWide>()
        where TWide : struct, ScalarConversionHandlers.IChoice => TWide.Value ? WideBytes : NarrowBytes;

    private static T* Elements<T>(SoftwareCpu cpu, int register)
        where T : unmanaged => (T*)SimdUnit.Xmm(cpu.State, register);

    private static bool IsChosen<T>(T* mask, int element)
        where T : unmanaged => (sizeof(T) == 4 ? ((int*)mask)[element] : ((long*)mask)[element]) < 0;

    private static void Set(SoftwareCpu cpu, int register, void* bytes)
        => *WideHandlers.Ymm(cpu.State, register) = *(System.Runtime.Intrinsics.Vector256<byte>*)bytes;
}
