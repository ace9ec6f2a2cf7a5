using BenchmarkDotNet.Attributes;
using EnclaveTesting.Engine.Accelerators;
using EnclaveTesting.Engine.Devices.Vsock;
using EnclaveTesting.Engine.Eif;
using EnclaveTesting.Engine.Machine;

namespace EnclaveTesting.Benchmarks;

/// <summary>To the hello guest's echo server and back, by KVM.</summary>
[MemoryDiagnoser]
public class VsockBenchmarks
{
    private MicroVm _machine = null!;
    private VsockStream _stream = null!;
    private byte[] _bytes = [];

    /// <summary>Bytes each way.</summary>
    [Params(1, 4096, 65536)]
    public int Length { get; set; }

    [GlobalSetup]
    public async Task SetupAsync()
    {
        using var image = EifImage.Load(HelloImage.Build());
        _machine = MicroVm.Create(image, new MicroVmOptions { Accelerator = Accelerator.Kvm, ExtraCommandLine = "hello.no_heartbeat" });
        using VsockListener ready = _machine.Vsock.Listen(9001);
        _machine.Start();
        await using VsockStream told = await ready.AcceptAsync();
        _stream = await _machine.Vsock.ConnectAsync(5000);
        _bytes = new byte[Length];
    }

    [GlobalCleanup]
    public async Task CleanupAsync()
    {
        await _stream.DisposeAsync();
        await _machine.DisposeAsync();
    }

    [Benchmark]
    public async Task RoundTrip()
    {
        await _stream.WriteAsync(_bytes);
        await _stream.ReadExactlyAsync(_bytes);
    }
}
