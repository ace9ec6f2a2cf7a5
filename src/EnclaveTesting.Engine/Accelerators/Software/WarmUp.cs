using EnclaveTesting.Engine.Accelerators.Software.Cpu;
using EnclaveTesting.Engine.Accelerators.Software.Cpu.Translation;
using EnclaveTesting.Engine.Boot;
using EnclaveTesting.Engine.Machine;
using EnclaveTesting.Engine.Memory;

namespace EnclaveTesting.Engine.Accelerators.Software;

/// <summary>
/// Has the just-in-time compiler's work on the software CPU done while the process's first machine is still being built and begins to boot: on a
/// thread of its own, a CPU of its own executes one instruction of each kind that a boot needs.
/// </summary>
internal static class WarmUp
{
    private const ulong Code = 0x10_0000, Data = 0x8_0000;
    private const int Slot = 16; // an instruction has 15 bytes at most
    private const ulong AlwaysOne = 2;

    private static readonly Lazy<Thread> Worker = new(Start);

    /// <summary>Begins, once in a process. Where there is no second processor, it would only be in the way.</summary>
    public static void Begin()
    {
        if (Environment.ProcessorCount > 1)
            _ = Worker.Value;
    }

    /// <summary>Executes the instructions, whatever becomes of each. Returns how many of them the CPU does not know.</summary>
    public static int Execute()
    {
        using GuestMemory memory = GuestMemory.Allocate(GuestMemory.MinimumSize);
        var platform = new NoPlatform();
        using var cpu = new SoftwareCpu(0, memory, platform, translation: TranslationMode.Off);
        ulong end = Code;
        foreach (byte[] instruction in WarmUpProgram.Instructions)
        {
            memory.Write(new GuestAddress(end), instruction);
            end += Slot;
        }

        BootEntry entry = Entry(memory);
        cpu.Enter(entry);
        cpu.Run(1);
        for (ulong at = Code; at < end; at += Slot)
        {
            cpu.Enter(entry with { Registers = entry.Registers with { Rip = at } });
            cpu.Step();
        }

        return platform.Unimplemented.Count;
    }

    private static Thread Start()
    {
        var thread = new Thread(Run) { IsBackground = true, Name = "enclave warm-up" };
        thread.Start();
        return thread;
    }

    private static void Run()
    {
        try
        {
            Execute();
        }
        catch (Exception)
        {
            // Nobody waits for it; who needs what failed here will fail by himself, and say so.
        }
    }

    private static BootEntry Entry(GuestMemory memory)
    {
        // Whatever an instruction addresses is data; RCX also counts.
        var registers = new CpuRegisters
        {
            Rip = Code,
            Rflags = AlwaysOne,
            Rax = Data,
            Rcx = 1,
            Rdx = Data,
            Rbx = Data,
            Rsp = Data,
            Rbp = Data,
            Rsi = Data,
            Rdi = Data,
            R8 = Data,
            R9 = Data,
            R10 = Data,
            R11 = Data,
            R12 = Data,
            R13 = Data,
            R14 = Data,
            R15 = Data,
        };
        return new BootEntry(registers, FlatMode.LongModeWithSse(memory));
    }
}
