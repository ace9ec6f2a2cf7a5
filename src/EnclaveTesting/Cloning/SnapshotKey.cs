using System.Buffers.Binary;
using System.Globalization;
using System.Security.Cryptography;
using System.Text;
using EnclaveTesting.Engine.Accelerators;
using EnclaveTesting.Engine.Eif;
using EnclaveTesting.Engine.State;

namespace EnclaveTesting;

/// <summary>Under what an enclave is saved: the same for all that boot in the same way. As text, 32 hexadecimal digits.</summary>
internal static class SnapshotKey
{
    private const int Size = 16;

    // Longer than the steps of any clock that goes.
    private static readonly TimeSpan Moment = TimeSpan.FromMilliseconds(2);

    /// <summary>Makes the key of image, options, engine and, where the guest sees it, host.</summary>
    public static string Of(EifImage image, EnclaveOptions options, ParentBuilder parent, Accelerator accelerator)
    {
        using var hash = IncrementalHash.CreateHash(HashAlgorithmName.SHA256);
        Add(hash, SnapshotFile.Engine.ToString("n"));
        Add(hash, MachineDescription.DescribeHost(accelerator));
        Add(hash, string.Create(CultureInfo.InvariantCulture,
            $"{accelerator}|{options.Time}|{Describe(options.TimeOfDay)}|{options.Seed}|{options.MemoryMiB}|{options.Cpus}|{options.Cid}|{options.CaptureLimit is not null}|{options.Acpi}|{options.Decompress}|{options.CpuTemplate}|{options.SoftwareAssist}"));
        Add(hash, options.CommandLine ?? "");
        Add(hash, options.SnapshotAfter!.Identity);
        foreach (Func<Enclave, CancellationToken, Task> hook in options.BeforeStart)
            Add(hash, CodeIdentity.Of(hook));
        AddNsm(hash, options);
        foreach ((string name, string value) in options.Environment.OrderBy(variable => variable.Key, StringComparer.Ordinal))
            Add(hash, $"{name}={value}");
        Add(hash, options.Initrd.Span);
        Add(hash, parent.HeartbeatBehaviour.Description);
        foreach (ParentPort port in parent.Ports)
            Add(hash, string.Create(CultureInfo.InvariantCulture, $"{port.Number}|{port.Refuses}|{port.NeverAnswers}|{port.Repeats}|{port.ReceiveWindow}|{string.Join('\n', port.Steps.Select(step => step.Description))}"));
        Add(hash, ImageDigest.Of(image));
        return Convert.ToHexStringLower(hash.GetHashAndReset().AsSpan(0, Size));
    }

    private static void AddNsm(IncrementalHash hash, EnclaveOptions options)
    {
        if (options.Nsm is not { } nsm)
        {
            Add(hash, "no security module");
            return;
        }

        Add(hash, string.Create(CultureInfo.InvariantCulture, $"{nsm.InstanceId}|{nsm.RoleArn}|{nsm.ModuleId}|{nsm.Region}|{nsm.DebugMode}|{nsm.Limits}|{nsm.RandomSeed}"));
        Add(hash, nsm.Faults.ToString());
        // Documents that it has asked for during its boot are in its memory.
        Add(hash, (nsm.Authority?.RootCertificate ?? default).Span);
        foreach ((int index, PcrValue value) in nsm.PcrOverrides.OrderBy(register => register.Key))
            Add(hash, string.Create(CultureInfo.InvariantCulture, $"{index}={value}"));
    }

    // The time that the kernel reads while it boots stays in its memory: a clock that stands is told by it, one that goes by its distance from the host's.
    private static string Describe(TimeProvider? time)
    {
        if (time is null || time == TimeProvider.System)
            return time is null ? "" : "the host's";
        DateTimeOffset now = time.GetUtcNow();
        Thread.Sleep(Moment);
        return time.GetUtcNow() == now
            ? string.Create(CultureInfo.InvariantCulture, $"{now:O}")
            : string.Create(CultureInfo.InvariantCulture, $"{(now - DateTimeOffset.UtcNow).TotalSeconds:F0} s from the host's");
    }

    private static void Add(IncrementalHash hash, string text) => Add(hash, Encoding.UTF8.GetBytes(text));

    // With its length, so that two neighbours cannot be taken for two others.
    private static void Add(IncrementalHash hash, ReadOnlySpan<byte> bytes)
    {
        Span<byte> length = stackalloc byte[sizeof(int)];
        BinaryPrimitives.WriteInt32LittleEndian(length, bytes.Length);
        hash.AppendData(length);
        hash.AppendData(bytes);
    }
}
