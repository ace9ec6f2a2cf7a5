using System.Reflection;
using EnclaveTesting.Engine.Accelerators;
using EnclaveTesting.Engine.Boot;
using EnclaveTesting.Engine.Eif;

namespace EnclaveTesting.Engine.Machine.Recording;

/// <summary>What a recording says about the machine that was recorded: all that another one needs to do the same.</summary>
internal sealed record RecordingHeader
{
    /// <summary>The largest extra initrd, which has to fit into the header's record with all else.</summary>
    public const int LargestInitrd = RecordWriter.MaxPayload - (1 << 20);

    public required string Engine { get; init; }

    public required string Image { get; init; }

    public required byte[] Pcr0 { get; init; }

    public required long MemoryBytes { get; init; }

    public required int Cpus { get; init; }

    public required uint GuestCid { get; init; }

    public required string? ExtraCommandLine { get; init; }

    public required ulong Seed { get; init; }

    public required bool HasNsm { get; init; }

    public required bool HasOwnTimeOfDay { get; init; }

    public required bool Acpi { get; init; }

    public required bool Decompress { get; init; }

    public required CpuTemplate CpuTemplate { get; init; }

    public required byte[] Initrd { get; init; }

    /// <summary>The version of this engine.</summary>
    public static string ThisEngine { get; } =
        typeof(RecordingHeader).Assembly.GetCustomAttribute<AssemblyInformationalVersionAttribute>()?.InformationalVersion ?? "unknown";

    public void Write(RecordWriter record)
    {
        record.Begin(RecordKind.Header);
        record.Add(Engine);
        record.Add(Image);
        record.Add(Pcr0);
        record.Add((ulong)MemoryBytes);
        record.Add((ulong)Cpus);
        record.Add(GuestCid);
        record.Add(ExtraCommandLine ?? "");
        record.Add(Seed);
        record.Add(HasNsm ? 1UL : 0);
        record.Add(HasOwnTimeOfDay ? 1UL : 0);
        record.Add(Acpi ? 1UL : 0);
        record.Add(Decompress ? 1UL : 0);
        record.Add((ulong)CpuTemplate);
        record.Add(Initrd);
        record.End();
    }

    public static RecordingHeader Read(RecordReader record) => new()
    {
        Engine = record.ReadText(),
        Image = record.ReadText(),
        Pcr0 = record.ReadBytes(PcrValue.Size, "a PCR").ToArray(),
        MemoryBytes = (long)record.ReadNumber(long.MaxValue, "a size of memory"),
        Cpus = (int)record.ReadNumber(MpTable.MaximumCpus, "a number of CPUs"),
        GuestCid = (uint)record.ReadNumber(uint.MaxValue, "a CID"),
        ExtraCommandLine = record.ReadText() is { Length: > 0 } text ? text : null,
        Seed = record.ReadNumber(),
        HasNsm = record.ReadNumber(1, "a flag") != 0,
        HasOwnTimeOfDay = record.ReadNumber(1, "a flag") != 0,
        Acpi = record.ReadNumber(1, "a flag") != 0,
        Decompress = record.ReadNumber(1, "a flag") != 0,
        CpuTemplate = (CpuTemplate)record.ReadNumber((ulong)Enum.GetValues<CpuTemplate>().Max(), "a processor template"),
        Initrd = record.ReadBytes().ToArray(),
    };
}
