using System.Diagnostics;
using EnclaveTesting.Engine.Boot;
using EnclaveTesting.Engine.Eif;
using EnclaveTesting.Engine.Memory;

namespace EnclaveTesting.Benchmarks.Suite;

/// <summary>Opening, checking and measuring an image file, beside the tools that do a part of it.</summary>
internal static class ImageRows
{
    private const int MaximumRamdisk = 300;

    public static async Task RunAsync(SuiteContext context, List<Row> rows)
    {
        int size = context.Runs(MaximumRamdisk, 64);
        string path = Path.Combine(context.Directory, "large.eif");
        byte[] ramdisk = new byte[size << 20];
        new Random(1).NextBytes(ramdisk);
        using (FileStream file = File.Create(path))
            new EifBuilder().WithKernel(HelloImage.Kernel()).AddRamdisk(new byte[1024]).AddRamdisk(ramdisk).Write(file);
        long length = new FileInfo(path).Length;
        int runs = context.Runs(5, 3);

        double measure = await SuiteContext.MedianAsync(runs, () =>
        {
            using EifImage image = EifImage.Open(path);
            image.Verify();
            return Task.CompletedTask;
        });
        double load = await SuiteContext.MedianAsync(runs, () =>
        {
            using EifImage image = EifImage.Open(path);
            using GuestMemory memory = GuestMemory.Allocate(512 << 20);
            LinuxBoot.Load(image, memory, new PlatformDescription(Cpus: 1, VirtioDevices: 2, Acpi: false), "console=ttyS0", default);
            return Task.CompletedTask;
        });
        double? sha = await TimeAsync(runs, "sha384sum", path);
        double? crc = await TimeAsync(runs, "crc32", path);
        string peer = (sha, crc) switch
        {
            (null, _) => "sha384sum",
            (_, null) => "sha384sum (crc32 is absent)",
            _ => "sha384sum and crc32",
        };
        double? both = sha + (crc ?? 0);
        rows.Add(new Row("image", $"{size} MiB opened, checked and measured (CRC-32, SHA-384 twice)", "MB/s", Better.More, length / measure / 1000, peer, length / both / 1000));
        rows.Add(new Row("image", $"{size} MiB loaded into guest memory besides", "MB/s", Better.More, length / load / 1000, peer, length / both / 1000));
    }

    private static async Task<double?> TimeAsync(int runs, string program, string path)
    {
        if (Tool.FirstLine(program, "--version") is null && Tool.FirstLine(program, path) is null)
            return null;
        return await SuiteContext.MedianAsync(runs, async () =>
        {
            using Process process = Tool.Start(program, path);
            await process.StandardOutput.ReadToEndAsync();
            await process.WaitForExitAsync();
        });
    }
}
