using BenchmarkDotNet.Attributes;
using EnclaveTesting.Engine.Boot;
using EnclaveTesting.Engine.Eif;
using EnclaveTesting.Engine.Memory;

namespace EnclaveTesting.Benchmarks;

/// <summary>An image with a ramdisk of 64 MiB: CRC and measurements alone, and together with the copy into guest memory.</summary>
public class ImageBenchmarks
{
    private EifImage _image = null!;
    private GuestMemory _memory = null!;

    [GlobalSetup]
    public void Setup()
    {
        byte[] ramdisk = new byte[64 << 20];
        new Random(1).NextBytes(ramdisk);
        _image = EifImage.Load(new EifBuilder().WithKernel(HelloImage.Kernel()).AddRamdisk(new byte[1024]).AddRamdisk(ramdisk).Build());
        _memory = GuestMemory.Allocate(256 << 20);
    }

    [GlobalCleanup]
    public void Cleanup()
    {
        _image.Dispose();
        _memory.Dispose();
    }

    [Benchmark]
    public EifMeasurements CheckAndMeasure() => _image.Verify();

    [Benchmark]
    public EifMeasurements LoadCheckAndMeasure() => LinuxBoot.Load(_image, _memory, new PlatformDescription(Cpus: 1, VirtioDevices: 2, Acpi: false), "console=ttyS0", default).Measurements;
}
