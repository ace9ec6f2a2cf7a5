using System.Runtime.InteropServices;
using Iced.Intel;
using static Iced.Intel.AssemblerRegisters;

namespace EnclaveTesting.Engine.Tests.Software.Differential;

/// <summary>
/// What happens when a case faults: a handler in machine code, which may run in any state of the runtime, notes the signal and goes on where
/// the stub leaves the case. Faults anywhere else stay the runtime's. x86-64 Linux only.
/// </summary>
internal sealed unsafe partial class NativeFaults : IDisposable
{
    // In ucontext_t: RSP, RIP and RFLAGS of the interrupted code.
    private const int SavedRsp = 160, SavedRip = 168, SavedFlags = 176;
    private const int AlwaysSetFlags = 0x202;

    // SIGILL, SIGTRAP, SIGBUS, SIGFPE, SIGSEGV.
    private static readonly int[] Numbers = [4, 5, 7, 8, 11];

    private readonly Dictionary<int, Action> _old = [];

    /// <param name="abandon">Where a case goes on that has faulted.</param>
    public NativeFaults(ulong abandon)
    {
        WriteHandler(abandon);
        foreach (int number in Numbers)
        {
            Action old = default;
            // A signal nobody handles ends the process anyway.
            if (Change(number, null, &old) != 0 || old.Handler is 0 or 1)
                continue;
            ((nint*)CodeLayout.OldHandlers)[number] = old.Handler;
            _old[number] = old;
            old.Handler = (nint)CodeLayout.FaultHandler;
            _ = Change(number, &old, null);
        }
    }

    /// <summary>The signals that faults are, as a set of the kernel's.</summary>
    public static ulong Signals => Numbers.Aggregate(0UL, (set, number) => set | (1UL << (number - 1)));

    public void Dispose()
    {
        foreach ((int number, Action old) in _old)
        {
            Action action = old;
            _ = Change(number, &action, null);
        }
    }

    private static void WriteHandler(ulong abandon)
    {
        var assembler = new Assembler(64);
        Label others = assembler.CreateLabel();
        assembler.mov(rax, __qword_ptr[rdx + SavedRip]);
        assembler.sub(rax, (int)CodeLayout.Code);
        assembler.cmp(rax, CodeLayout.CodeSize);
        assembler.jae(others);
        assembler.mov(__dword_ptr[CodeLayout.Signal], edi);
        assembler.mov(eax, (uint)abandon);
        assembler.mov(__qword_ptr[rdx + SavedRip], rax);
        assembler.mov(rax, __qword_ptr[CodeLayout.HostStack]);
        assembler.mov(__qword_ptr[rdx + SavedRsp], rax);
        assembler.mov(__qword_ptr[rdx + SavedFlags], AlwaysSetFlags);
        assembler.ret();
        assembler.Label(ref others);
        assembler.jmp(__qword_ptr[(rdi * 8) + (int)CodeLayout.OldHandlers]);
        using var stream = new MemoryStream();
        assembler.Assemble(new StreamCodeWriter(stream), CodeLayout.FaultHandler);
        stream.ToArray().CopyTo(new Span<byte>((void*)CodeLayout.FaultHandler, (int)stream.Length));
    }

    [LibraryImport("libc", EntryPoint = "sigaction")]
    private static partial int Change(int signal, Action* action, Action* old);

    /// <summary>struct sigaction of the C library.</summary>
    [StructLayout(LayoutKind.Sequential)]
    private struct Action
    {
        public nint Handler;
        public fixed ulong Mask[16];
        public int Flags;
        public nint Restorer;
    }
}
