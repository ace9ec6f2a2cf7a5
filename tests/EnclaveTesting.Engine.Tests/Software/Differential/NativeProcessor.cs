using System.Runtime.InteropServices;
using Iced.Intel;
using static Iced.Intel.AssemblerRegisters;

namespace EnclaveTesting.Engine.Tests.Software.Differential;

/// <summary>
/// The host's processor: a stub of machine code saves what the ABI asks for, loads all registers of the case, jumps to its code, which jumps
/// back to the stub's second half; that stores all registers. Code must not fault: nothing catches signals.
/// </summary>
internal sealed unsafe partial class NativeProcessor : IDisposable
{
    private const int ReadWriteExecute = 7;
    private const int PrivateAnonymousFixed = 0x02 | 0x20 | 0x10_0000;

    private static readonly AssemblerRegister64[] Registers = [rax, rcx, rdx, rbx, rsp, rbp, rsi, rdi, r8, r9, r10, r11, r12, r13, r14, r15];

    private readonly ulong _return;

    public NativeProcessor()
    {
        nint mapped = Map((nint)CodeLayout.Base, CodeLayout.TotalSize, ReadWriteExecute, PrivateAnonymousFixed, -1, 0);
        if (mapped != (nint)CodeLayout.Base)
            throw new InvalidOperationException($"mmap at {CodeLayout.Base:x} failed: errno {Marshal.GetLastPInvokeError()}.");
        WriteStub(out _return);
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

    /// <summary>Runs the case.</summary>
    public static void Run(ulong address)
    {
        Input->Target = address;
        ((delegate* unmanaged<void>)CodeLayout.Stub)();
    }

    public void Dispose() => _ = Unmap((nint)CodeLayout.Base, CodeLayout.TotalSize);

    private static void WriteStub(out ulong returnAddress)
    {
        var assembler = new Assembler(64);
        assembler.push(rbx);
        assembler.push(rbp);
        assembler.push(r12);
        assembler.push(r13);
        assembler.push(r14);
        assembler.push(r15);
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
        assembler.fninit();
        assembler.ldmxcsr(__dword_ptr[CodeLayout.HostMxcsr]);
        assembler.vzeroupper();
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
    }

    [LibraryImport("libc", EntryPoint = "mmap", SetLastError = true)]
    private static partial nint Map(nint address, nint length, int protection, int flags, int file, nint offset);

    [LibraryImport("libc", EntryPoint = "munmap")]
    private static partial int Unmap(nint address, nint length);
}
