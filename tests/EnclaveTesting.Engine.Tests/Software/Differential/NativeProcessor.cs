using System.Runtime.InteropServices;
using Iced.Intel;
using static Iced.Intel.AssemblerRegisters;

namespace EnclaveTesting.Engine.Tests.Software.Differential;

/// <summary>
/// The host's processor: a stub of machine code saves what the ABI asks for, loads all registers of the case, jumps to its code, which jumps
/// back to the stub's second half; that stores all registers. While registers are the case's, the thread takes no signal that others send it
/// (the runtime's own among them): its handler would run on the case's stack. A fault of the case is a signal too; <see cref="NativeFaults"/>
/// ends the case then.
/// </summary>
internal sealed unsafe partial class NativeProcessor : IDisposable
{
    private const int ReadWriteExecute = 7;
    private const int PrivateAnonymousFixed = 0x02 | 0x20 | 0x10_0000;

    private static readonly AssemblerRegister64[] Registers = [rax, rcx, rdx, rbx, rsp, rbp, rsi, rdi, r8, r9, r10, r11, r12, r13, r14, r15];

    private const int SetSignalMask = 14, Replace = 2, SignalSetSize = 8;

    private readonly ulong _return;
    private readonly NativeFaults _faults;

    public NativeProcessor()
    {
        nint mapped = Map((nint)CodeLayout.Base, CodeLayout.TotalSize, ReadWriteExecute, PrivateAnonymousFixed, -1, 0);
        if (mapped != (nint)CodeLayout.Base)
            throw new InvalidOperationException($"mmap at {CodeLayout.Base:x} failed: errno {Marshal.GetLastPInvokeError()}.");
        BitConverter.TryWriteBytes(new Span<byte>((void*)CodeLayout.Blocked, SignalSetSize), ~NativeFaults.Signals);
        WriteStub(out _return, out ulong abandon);
        _faults = new NativeFaults(abandon);
    }

    /// <summary>The registers the next case starts with.</summary>
    public static RegisterImage* Input => (RegisterImage*)CodeLayout.Input;

    /// <summary>The registers the last case ended with.</summary>
    public static RegisterImage* Output => (RegisterImage*)CodeLayout.Output;

    /// <summary>The memory of the case.</summary>
    public static Span<byte> Data => new((void*)CodeLayout.Data, CodeLayout.DataSize);

    /// <summary>Puts code into a slot, with the jump back behind it.</summary>
    public void SetCode(ulong address, ReadOnlySpan<byte> code)
    {
        var target = new Span<byte>((void*)address, CodeLayout.SlotSize);
        code.CopyTo(target);
        target[code.Length] = 0xE9;
        int distance = (int)((long)_return - (long)(address + (ulong)code.Length + 5));
        BitConverter.TryWriteBytes(target[(code.Length + 1)..], distance);
    }

    /// <summary>Runs the case; the number of the signal it ended with, or 0.</summary>
    public static int Run(ulong address)
    {
        Input->Target = address;
        *(int*)CodeLayout.Signal = 0;
        ((delegate* unmanaged<void>)CodeLayout.Stub)();
        return *(int*)CodeLayout.Signal;
    }

    public void Dispose()
    {
        _faults.Dispose();
        _ = Unmap((nint)CodeLayout.Base, CodeLayout.TotalSize);
    }

    private static void WriteStub(out ulong returnAddress, out ulong abandonAddress)
    {
        var assembler = new Assembler(64);
        assembler.push(rbx);
        assembler.push(rbp);
        assembler.push(r12);
        assembler.push(r13);
        assembler.push(r14);
        assembler.push(r15);
        ChangeSignals(assembler, CodeLayout.Blocked, CodeLayout.Unblocked);
        assembler.mov(__qword_ptr[CodeLayout.HostStack], rsp);
        assembler.stmxcsr(__dword_ptr[CodeLayout.HostMxcsr]);
        assembler.mov(eax, 7);
        assembler.xor(edx, edx);
        assembler.xrstor64(__[CodeLayout.Input + RegisterImage.ExtendedOffset]);
        assembler.push(__qword_ptr[CodeLayout.Input + RegisterImage.FlagsOffset]);
        assembler.popfq();
        for (int i = 0; i < Registers.Length; i++)
            assembler.mov(Registers[i], __qword_ptr[CodeLayout.Input + ((ulong)i * 8)]);
        assembler.jmp(__qword_ptr[CodeLayout.Input + RegisterImage.TargetOffset]);

        Label back = assembler.CreateLabel();
        assembler.Label(ref back);
        for (int i = 0; i < Registers.Length; i++)
            assembler.mov(__qword_ptr[CodeLayout.Output + ((ulong)i * 8)], Registers[i]);
        assembler.mov(rsp, __qword_ptr[CodeLayout.HostStack]);
        assembler.pushfq();
        assembler.pop(__qword_ptr[CodeLayout.Output + RegisterImage.FlagsOffset]);
        assembler.cld();
        assembler.mov(eax, 7);
        assembler.xor(edx, edx);
        assembler.xsave64(__[CodeLayout.Output + RegisterImage.ExtendedOffset]);
        Label abandon = assembler.CreateLabel();
        assembler.Label(ref abandon);
        assembler.fninit();
        assembler.ldmxcsr(__dword_ptr[CodeLayout.HostMxcsr]);
        assembler.vzeroupper();
        ChangeSignals(assembler, CodeLayout.Unblocked, 0);
        assembler.pop(r15);
        assembler.pop(r14);
        assembler.pop(r13);
        assembler.pop(r12);
        assembler.pop(rbp);
        assembler.pop(rbx);
        assembler.ret();

        using var stream = new MemoryStream();
        AssemblerResult result = assembler.Assemble(new StreamCodeWriter(stream), CodeLayout.Stub, BlockEncoderOptions.ReturnNewInstructionOffsets);
        stream.ToArray().CopyTo(new Span<byte>((void*)CodeLayout.Stub, (int)stream.Length));
        returnAddress = result.GetLabelRIP(back);
        abandonAddress = result.GetLabelRIP(abandon);
    }

    private static void ChangeSignals(Assembler assembler, ulong set, ulong old)
    {
        assembler.mov(eax, SetSignalMask);
        assembler.mov(edi, Replace);
        assembler.mov(esi, (uint)set);
        assembler.mov(edx, (uint)old);
        assembler.mov(r10d, SignalSetSize);
        assembler.syscall();
    }

    [LibraryImport("libc", EntryPoint = "mmap", SetLastError = true)]
    private static partial nint Map(nint address, nint length, int protection, int flags, int file, nint offset);

    [LibraryImport("libc", EntryPoint = "munmap")]
    private static partial int Unmap(nint address, nint length);
}
