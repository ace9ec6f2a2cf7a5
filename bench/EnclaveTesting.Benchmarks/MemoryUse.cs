using System.Globalization;
using EnclaveTesting.Engine.Accelerators;
using EnclaveTesting.Engine.Devices.Vsock;
using EnclaveTesting.Engine.Eif;
using EnclaveTesting.Engine.Machine;

namespace EnclaveTesting.Benchmarks;

/// <summary>
/// What enclaves cost this process in memory (Linux only): what is resident of the guests' own memory, and what comes on top of it.
/// The image's application tells port 9001 when it is ready, as guest/apps does.
/// </summary>
internal static class MemoryUse
{
    private const byte Heartbeat = 0xB7;
    private const double MiB = 1 << 20;

    public static async Task<int> RunAsync(string path, int enclaves, bool acpi)
    {
        // What the first enclave brings into the process and leaves there, such as compiled code, is no enclave's.
        await using (MicroVm first = await StartAsync(path, acpi))
            await first.StopAsync();
        Collect();

        Console.WriteLine("enclave  guest memory touched  on top: when ready  at most    (MiB)");
        long before = Status("VmRSS"), guestBefore = GuestResident();
        var machines = new List<MicroVm>();
        for (int i = 1; i <= enclaves; i++)
        {
            await File.WriteAllTextAsync("/proc/self/clear_refs", "5"); // the peak begins anew (proc(5))
            machines.Add(await StartAsync(path, acpi));
            long peak = Status("VmHWM") - before, guest = GuestResident() - guestBefore;
            Collect();
            long resident = Status("VmRSS") - before;
            Console.WriteLine(string.Create(CultureInfo.InvariantCulture, $"{i,7}  {guest / MiB,20:F1}  {(resident - guest) / MiB,19:F1}  {(peak - guest) / MiB,7:F1}"));
            before += resident;
            guestBefore += guest;
        }

        foreach (MicroVm machine in machines)
            await machine.DisposeAsync();
        return 0;
    }

    private static async Task<MicroVm> StartAsync(string path, bool acpi)
    {
        using EifImage image = EifImage.Open(path);
        MicroVm machine = MicroVm.Create(image, new MicroVmOptions { Accelerator = Accelerator.Software, Acpi = acpi });
        using VsockListener heartbeat = machine.Vsock.Listen(9000), ready = machine.Vsock.Listen(9001);
        machine.Start();
        byte[] beat = new byte[1];
        using (VsockStream stream = await heartbeat.AcceptAsync())
        {
            await stream.ReadExactlyAsync(beat);
            await stream.WriteAsync(new[] { Heartbeat });
        }

        using (VsockStream stream = await ready.AcceptAsync())
            await stream.ReadExactlyAsync(beat);
        return machine;
    }

    private static void Collect()
    {
        GC.Collect(GC.MaxGeneration, GCCollectionMode.Aggressive, blocking: true, compacting: true);
        GC.WaitForPendingFinalizers();
        GC.Collect(GC.MaxGeneration, GCCollectionMode.Aggressive, blocking: true, compacting: true);
    }

    private static long Status(string field) => Kibibytes(File.ReadLines("/proc/self/status").First(line => line.StartsWith(field + ":", StringComparison.Ordinal)));

    /// <summary>Resident bytes of the mappings for which huge pages were asked: the guests' memory and nothing else.</summary>
    private static long GuestResident()
    {
        long sum = 0, resident = 0;
        foreach (string line in File.ReadLines("/proc/self/smaps"))
        {
            if (line.StartsWith("Rss:", StringComparison.Ordinal))
                resident = Kibibytes(line);
            else if (line.StartsWith("VmFlags:", StringComparison.Ordinal) && line.Contains(" hg", StringComparison.Ordinal))
                sum += resident;
        }

        return sum;
    }

    private static long Kibibytes(string line) => long.Parse(line.Split(' ', StringSplitOptions.RemoveEmptyEntries)[1], CultureInfo.InvariantCulture) << 10;
}
