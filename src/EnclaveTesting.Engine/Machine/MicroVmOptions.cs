using EnclaveTesting.Engine.Accelerators;
using EnclaveTesting.Engine.Accelerators.Software.Cpu.Translation;
using EnclaveTesting.Engine.Devices;
using EnclaveTesting.Engine.Devices.Nsm;
using EnclaveTesting.Engine.Devices.Vsock;
using EnclaveTesting.Engine.Machine.Recording;
using Microsoft.Extensions.Logging;
using Microsoft.Extensions.Logging.Abstractions;

namespace EnclaveTesting.Engine.Machine;

/// <summary>How to run an image; what is left out comes from the image or is a Nitro Enclave's default.</summary>
internal sealed record MicroVmOptions
{
    /// <summary>Guest RAM in bytes, a multiple of 4096; null takes the image's default.</summary>
    public long? MemoryBytes { get; init; }

    /// <summary>Virtual CPUs, 1 to 32; null takes the image's default.</summary>
    public int? Cpus { get; init; }

    /// <summary>The enclave's vsock CID, 4 or higher; 16 is what the first enclave of an instance gets.</summary>
    public uint GuestCid { get; init; } = 16;

    /// <summary>Text appended to the image's command line.</summary>
    public string? ExtraCommandLine { get; init; }

    /// <summary>A ramdisk appended to the image's own.</summary>
    public ReadOnlyMemory<byte> ExtraInitrd { get; init; }

    /// <summary>
    /// Whether the machine's devices are announced by ACPI tables, as kernels of distributions want it, instead of on the kernel's
    /// command line, as in a Nitro Enclave. Null has the command line announce them and, where machines made of a saved one are to draw random
    /// numbers of their own (in host time without a seed), ACPI tables the generation id alone, which tells the kernel.
    /// </summary>
    public bool? Acpi { get; init; }

    /// <summary>
    /// Whether the host unpacks a packed kernel and packed ramdisks while it loads them, which spares the guest most of the instructions of
    /// its start; what the host does not know is left to the guest, and PCRs are those of the image either way. The guest's kernel is then not
    /// placed at random, and a ramdisk's format works even where the kernel was built without it. Null unpacks
    /// where the guest's kernel is interpreted: by the software CPU, or by a KVM that emulates it.
    /// </summary>
    public bool? Decompress { get; init; }

    /// <summary>What executes the guest.</summary>
    public Accelerator Accelerator { get; init; }

    /// <summary>The processor that the guest sees.</summary>
    public CpuTemplate CpuTemplate { get; init; }

    /// <summary>
    /// Whether the software CPU executes the instructions at which KVM gives up (vector instructions on device registers, for example);
    /// <see cref="MicroVm.Diagnostics"/> says how many there were. Without it they end the machine.
    /// </summary>
    public bool SoftwareAssist { get; init; } = true;

    /// <summary>Receives the console's bytes; null drops them.</summary>
    public ISerialSink? Console { get; init; }

    /// <summary>What the Nitro Security Module knows and how it behaves; null builds a machine without one.</summary>
    public NsmOptions? Nsm { get; init; } = new();

    /// <summary>Keeps the packets of the vsock device; null keeps none.</summary>
    public VsockCapture? Capture { get; init; }

    /// <summary>Writes down what the enclave says to its parent and hears from it; null does not.</summary>
    internal VsockJournal? Journal { get; init; }

    /// <summary>What time is in the machine; null leaves it to the accelerator.</summary>
    public MachineTime? Time { get; init; }

    /// <summary>
    /// Makes what the machine gives as random (the software CPU's RDRAND, the security module's GetRandom) a function of this number; null
    /// takes the operating system's entropy, or in virtual time 0.
    /// </summary>
    public ulong? Seed { get; init; }

    /// <summary>The time of day that the guest is told; null takes the host's, in virtual time what has passed in the machine since the first moment of 2026.</summary>
    public TimeProvider? TimeProvider { get; init; }

    /// <summary>Whether the software CPU translates guest code; the guest cannot tell.</summary>
    internal TranslationMode Translation { get; init; }

    /// <summary>
    /// The file in which a machine in virtual time writes down all that comes to it from outside, as it comes; <see cref="MicroVm.Replay"/> runs it
    /// again. Null writes nothing.
    /// </summary>
    public string? RecordTo { get; init; }

    internal MachineRecording? Replayed { get; init; }

    /// <summary>Where the engine logs.</summary>
    public ILoggerFactory LoggerFactory { get; init; } = NullLoggerFactory.Instance;
}
