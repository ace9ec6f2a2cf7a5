using EnclaveTesting.Engine.Accelerators.Software.Chipset;
using EnclaveTesting.Engine.Accelerators.Software.Cpu;
using EnclaveTesting.Engine.Boot;
using EnclaveTesting.Engine.Devices;
using EnclaveTesting.Engine.Machine;
using EnclaveTesting.Engine.State;

namespace EnclaveTesting.Engine.Accelerators;

/// <summary>
/// The CPUs and interrupt controllers of one guest, with the threads that run them. This is all that a machine knows
/// of an accelerator. Order of calls: lines and doorbells, <see cref="Start"/>, (<see cref="IMachineWaker.Wake"/>)*,
/// <see cref="RequestStop"/>, <see cref="Join"/>, <see cref="TryReadRegisters"/>, Dispose. Dispose alone also stops and joins.
/// </summary>
internal interface IVirtualMachine : IMachineWaker, IDisposable
{
    /// <summary>What the guest wanted and did not get, one sentence each, such as an instruction that the software CPU does not know. Thread-safe.</summary>
    IReadOnlyList<string> Diagnostics { get; }

    /// <summary>The clock of a machine whose time is what its CPUs have executed; such a machine says when the host sees what the guest did. Null for host time.</summary>
    MachineClock? VirtualTime => null;

    /// <summary>The time of day in the machine, for those whom the machine calls.</summary>
    TimeProvider TimeOfDay => TimeProvider.System;

    /// <summary>The same for all others, who must not have a part in it: as it was a moment ago.</summary>
    TimeProvider ObservedTimeOfDay => TimeOfDay;

    /// <summary>From which instruction on and why another run may differ, where <see cref="VirtualTime"/> is there to make it the same; else null. Thread-safe.</summary>
    string? HostPace => null;

    /// <summary>How many instructions all CPUs have executed, where they are counted. Exact once the machine has been joined.</summary>
    long? Instructions => null;

    /// <summary>The input of the interrupt controllers for one GSI; the same object for the same number. Before <see cref="Start"/>.</summary>
    IInterruptLine GetInterruptLine(Gsi gsi);

    /// <summary>Announces a notification register. Before <see cref="Start"/>.</summary>
    void AddDoorbell(Doorbell doorbell);

    /// <summary>Starts the threads; the boot CPU begins at <paramref name="entry"/>.</summary>
    void Start(in BootEntry entry);

    /// <summary>
    /// Runs an action while no CPU executes, no exit is unfinished and no device is called, then lets the machine go on. Not from a thread
    /// of the machine; what the action throws is thrown.
    /// </summary>
    /// <exception cref="InvalidOperationException">The machine was not started or has ended.</exception>
    void Pause(Action action);

    /// <summary>Saves CPUs, controllers, timers and clocks (inside <see cref="Pause"/>) or restores them (before <see cref="Resume"/>).</summary>
    /// <exception cref="StateFormatException">What was saved cannot be.</exception>
    void Exchange(StateArchive archive);

    /// <summary>What has been decoded of the guest's code so far, for machines that go on from here (inside <see cref="Pause"/>); the caller's to dispose. Null where nothing is decoded.</summary>
    SharedCode? ShareCode() => null;

    /// <summary>Gives a machine what <see cref="ShareCode"/> gave, before <see cref="Resume"/>; takes it over.</summary>
    void InheritCode(SharedCode code) => code.Dispose();

    /// <summary>Starts the threads of a restored machine, instead of <see cref="Start"/>. Lines that rose since it was restored interrupt it.</summary>
    /// <param name="fresh">
    /// Whether the machine is to know that it is another one now: random instructions begin anew where no seed was given, and a guest that asks
    /// is told that it was stopped. Else it goes on as the saved one would have.
    /// </param>
    void Resume(bool fresh);

    /// <summary>
    /// Makes every CPU stop wherever it is (running, halted, spinning). From any thread, also from inside a bus call;
    /// returns at once, may be repeated.
    /// </summary>
    void RequestStop();

    /// <summary>
    /// Waits until no thread of the machine runs any more (after <see cref="RequestStop"/>: at most 100 ms).
    /// Not from a thread of the machine.
    /// </summary>
    void Join();

    /// <summary>The registers of a CPU, once the machine has been joined; false where they cannot be read.</summary>
    bool TryReadRegisters(int cpu, out CpuRegisters registers, out CpuSystemRegisters system);
}
