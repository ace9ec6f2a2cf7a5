using System.Runtime.Intrinsics.X86;
using System.Text;
using EnclaveTesting.Engine.Accelerators;
using EnclaveTesting.Engine.Boot;
using EnclaveTesting.Engine.Devices.Vsock;
using EnclaveTesting.Engine.Eif;
using EnclaveTesting.Engine.Machine;
using EnclaveTesting.Engine.Memory;

namespace EnclaveTesting.Engine.State;

/// <summary>What a saved machine was built of; a machine that is restored from it is built of the same.</summary>
internal sealed record MachineDescription
{
    private const int LongestText = 1 << 16;
    private const long MostMemory = 1L << 42;

    // Once for a process: in a virtual machine each CPUID instruction is an exit.
    private static readonly Lazy<string> HostOfKvm = new(DescribeProcessorAndKernel);

    /// <summary>The image's name.</summary>
    public string Name { get; private set; } = "";

    public Accelerator Accelerator { get; private set; } = Accelerator.Software;

    public CpuTemplate CpuTemplate { get; private set; }

    public MachineTime Time { get; private set; }

    /// <summary>What the guest saw of the host: its processor and kernel on KVM, nothing on the software CPU.</summary>
    public string Host { get; private set; } = "";

    public long MemoryBytes { get; private set; }

    public int Cpus { get; private set; }

    public uint GuestCid { get; private set; }

    public bool HasNsm { get; private set; }

    public string CommandLine { get; private set; } = "";

    public EifMeasurements Measurements { get; private set; } = new(default, default, default, null, 0);

    /// <summary>Describes a machine.</summary>
    public static MachineDescription Of(string name, MicroVm machine, MicroVmOptions options) => new()
    {
        Name = name,
        Accelerator = machine.Accelerator,
        CpuTemplate = options.CpuTemplate,
        Time = machine.Time,
        Host = DescribeHost(machine.Accelerator),
        MemoryBytes = machine.MemoryBytes,
        Cpus = machine.Cpus,
        GuestCid = options.GuestCid,
        HasNsm = options.Nsm is not null,
        CommandLine = machine.CommandLine,
        Measurements = machine.Measurements,
    };

    /// <summary>The host as a guest on that accelerator sees it.</summary>
    public static string DescribeHost(Accelerator accelerator) => accelerator == Accelerator.Kvm ? HostOfKvm.Value : "";

    private static string DescribeProcessorAndKernel()
    {
        var text = new StringBuilder(Environment.OSVersion.VersionString);
        if (X86Base.IsSupported)
        {
            foreach (int leaf in (int[])[0, 1, 7, unchecked((int)0x8000_0001), unchecked((int)0x8000_0002), unchecked((int)0x8000_0003), unchecked((int)0x8000_0004)])
            {
                (int eax, int ebx, int ecx, int edx) = X86Base.CpuId(leaf, 0);
                // Leaf 1 also tells which processor this thread runs on.
                text.Append($" {eax:x}-{(leaf == 1 ? ebx & 0x00FF_FF00 : ebx):x}-{ecx:x}-{edx:x}");
            }
        }

        return text.ToString();
    }

    /// <summary>Saves or restores.</summary>
    public void Exchange(StateArchive archive)
    {
        Name = archive.Text(Name, LongestText);
        Accelerator = (Accelerator)archive.Within((int)Accelerator, (int)Accelerator.Auto + 1, (int)Enum.GetValues<Accelerator>().Max());
        CpuTemplate = (CpuTemplate)archive.Within((int)CpuTemplate, 0, (int)Enum.GetValues<CpuTemplate>().Max());
        Time = (MachineTime)archive.Within((int)Time, 0, (int)MachineTime.Virtual);
        Host = archive.Text(Host, LongestText);
        MemoryBytes = archive.Within(MemoryBytes, GuestMemory.MinimumSize, MostMemory);
        archive.Require(MemoryBytes % (long)MemoryLayout.PageSize == 0, "memory in whole pages", $"{MemoryBytes} bytes");
        Cpus = archive.Within(Cpus, 1, MpTable.MaximumCpus);
        GuestCid = archive.Value(GuestCid);
        archive.Require(new Cid(GuestCid).WhyNotForGuests is null, "a guest's CID", $"{GuestCid}");
        HasNsm = archive.Flag(HasNsm);
        CommandLine = archive.Text(CommandLine, LongestText);
        bool isSigned = archive.Flag(Measurements.Pcr8 is not null);
        PcrValue pcr8 = Register(archive, Measurements.Pcr8 ?? default);
        Measurements = new EifMeasurements(
            Register(archive, Measurements.Pcr0), Register(archive, Measurements.Pcr1), Register(archive, Measurements.Pcr2), isSigned ? pcr8 : null, archive.Value(Measurements.Crc32));
    }

    private static PcrValue Register(StateArchive archive, PcrValue value)
    {
        byte[] bytes = value.ToArray();
        archive.Fixed(bytes.AsSpan());
        return new PcrValue(bytes);
    }
}
