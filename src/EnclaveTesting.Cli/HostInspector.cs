using System.Diagnostics;
using System.Globalization;
using System.Runtime.InteropServices;
using EnclaveTesting.Engine.Accelerators;
using EnclaveTesting.Engine.Accelerators.Kvm;
using EnclaveTesting.Engine.Accelerators.Software;

namespace EnclaveTesting.Cli;

/// <summary>Looks at this machine.</summary>
/// <param name="root">Where /proc, /sys and /dev are looked for; empty but in tests.</param>
internal sealed class HostInspector(string root = "")
{
    private readonly string _device = root + KvmAccelerator.DefaultDevice;

    /// <summary>Looks at everything; takes up to a second.</summary>
    public HostReport Inspect()
    {
        bool canHaveKvm = OperatingSystem.IsLinux() && RuntimeInformation.ProcessArchitecture == Architecture.X64;
        string? problem = canHaveKvm ? FindOpenProblem() : "KVM needs Linux on x86-64.";
        string user = Tool("id", "-un") ?? Environment.UserName;
        string processor = Read("/proc/cpuinfo") ?? "";
        return new HostReport
        {
            System = $"{RuntimeInformation.OSDescription}, {RuntimeInformation.ProcessArchitecture}",
            Runtime = RuntimeInformation.FrameworkDescription,
            CanHaveKvm = canHaveKvm,
            AcceleratorVariable = Environment.GetEnvironmentVariable(AcceleratorChoice.EnvironmentVariable),
            Device = canHaveKvm ? FindDevice() : null,
            OpenProblem = problem,
            KvmProbe = problem is null ? Probe(new KvmAccelerator(_device)) : null,
            SoftwareProbe = Probe(new SoftwareAccelerator()),
            User = user,
            SessionGroups = Words(Tool("id", "-Gn")),
            AccountGroups = Words(Tool("id", "-Gn", user)),
            KvmModule = HasFlag(processor, "vmx") ? "kvm_intel" : HasFlag(processor, "svm") ? "kvm_amd" : null,
            IsVirtualMachine = HasFlag(processor, "hypervisor"),
            IsContainer = File.Exists(root + "/.dockerenv") || File.Exists(root + "/run/.containerenv"),
            MostMemory = GC.GetGCMemoryInfo().TotalAvailableMemoryBytes,
            AvailableMemory = FindAvailableMemory(),
            ControlGroupLimit = FindControlGroupLimit(),
            AddressSpaceLimit = FindLimit("Max address space"),
            OpenFilesLimit = FindLimit("Max open files"),
        };
    }

    /// <summary>MemAvailable of /proc/meminfo, in bytes.</summary>
    internal long? FindAvailableMemory()
    {
        string? line = Lines("/proc/meminfo").FirstOrDefault(text => text.StartsWith("MemAvailable:", StringComparison.Ordinal));
        return line is null ? null : Number(Words(line).ElementAtOrDefault(1)) * 1024;
    }

    /// <summary>The lowest limit of the control groups above this process, version 2 or 1, in bytes.</summary>
    internal long? FindControlGroupLimit()
    {
        long? lowest = null;
        foreach (string line in Lines("/proc/self/cgroup"))
        {
            // "0::/path" is version 2, "4:memory:/path" version 1; in a container the path may be another's and the mount the container's own.
            string[] parts = line.Split(':', 3);
            if (parts.Length != 3 || (parts[1].Length > 0 && !parts[1].Split(',').Contains("memory")))
                continue;
            (string mount, string file) = parts[1].Length == 0 ? ("/sys/fs/cgroup", "memory.max") : ("/sys/fs/cgroup/memory", "memory.limit_in_bytes");
            for (string path = parts[2].TrimEnd('/'); ; path = path[..Math.Max(0, path.LastIndexOf('/'))])
            {
                // Version 1 says "no limit" by a number near 2^63.
                if (Number(Read($"{mount}{path}/{file}")?.Trim()) is long limit and < long.MaxValue / 2 && limit < (lowest ?? long.MaxValue))
                    lowest = limit;
                if (path.Length == 0)
                    break;
            }
        }

        return lowest;
    }

    /// <summary>A soft limit of /proc/self/limits; null if there is none.</summary>
    internal long? FindLimit(string name)
    {
        string? line = Lines("/proc/self/limits").FirstOrDefault(text => text.StartsWith(name, StringComparison.Ordinal));
        return line is null ? null : Number(Words(line[name.Length..]).FirstOrDefault());
    }

    private static AcceleratorProbe Probe(IAccelerator accelerator)
    {
        try
        {
            return AcceleratorProbe.Run(accelerator);
        }
        catch (Exception exception)
        {
            // Whatever it was: here it is a finding.
            return new AcceleratorProbe(false, $"the probe guest failed: {exception.GetType().Name}: {exception.Message}");
        }
    }

    private static bool HasFlag(string processor, string flag) =>
        processor.Split('\n').Where(line => line.StartsWith("flags", StringComparison.Ordinal)).Any(line => Words(line).Contains(flag));

    private static string[] Words(string? text) => text?.Split((char[]?)null, StringSplitOptions.RemoveEmptyEntries) ?? [];

    private static long? Number(string? text) => long.TryParse(text, NumberStyles.None, CultureInfo.InvariantCulture, out long number) ? number : null;

    private static string? Tool(string name, params string[] arguments)
    {
        if (OperatingSystem.IsWindows())
            return null;
        try
        {
            using var process = Process.Start(new ProcessStartInfo(name, arguments) { RedirectStandardOutput = true, RedirectStandardError = true });
            string? text = process?.StandardOutput.ReadToEnd().Trim();
            process?.WaitForExit();
            return process?.ExitCode == 0 && text?.Length > 0 ? text : null;
        }
        catch (Exception exception) when (exception is System.ComponentModel.Win32Exception or IOException)
        {
            // A machine without it is a poor one, but doctor has to say something about such machines too.
            return null;
        }
    }

    private string? FindOpenProblem()
    {
        try
        {
            new KvmAccelerator(_device).Open().Dispose();
            return null;
        }
        catch (AcceleratorUnavailableException exception)
        {
            return exception.Message;
        }
    }

    private HostReport.DeviceNode? FindDevice()
    {
        if (!File.Exists(_device) || OperatingSystem.IsWindows())
            return null;
        string[] owner = Words(Tool("stat", "-c", "%U %G", _device));
        return new HostReport.DeviceNode(KvmAccelerator.DefaultDevice, owner.ElementAtOrDefault(0) ?? "root", owner.ElementAtOrDefault(1) ?? "kvm", File.GetUnixFileMode(_device));
    }

    private string[] Lines(string path) => Read(path)?.Split('\n') ?? [];

    private string? Read(string path)
    {
        try
        {
            return File.ReadAllText(root + path);
        }
        catch (Exception exception) when (exception is IOException or UnauthorizedAccessException)
        {
            return null;
        }
    }
}
