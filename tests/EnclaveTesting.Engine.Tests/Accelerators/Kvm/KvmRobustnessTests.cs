using System.Runtime.InteropServices;
using System.Text;
using EnclaveTesting.Engine.Accelerators;
using EnclaveTesting.Engine.Accelerators.Kvm;
using EnclaveTesting.Engine.Boot;
using EnclaveTesting.Engine.Devices;
using EnclaveTesting.Engine.Devices.Vsock;
using EnclaveTesting.Engine.Eif;
using EnclaveTesting.Engine.Machine;
using EnclaveTesting.Engine.Memory;
using EnclaveTesting.Engine.Tests.Machine;
using Xunit.Abstractions;

namespace EnclaveTesting.Engine.Tests.Accelerators.Kvm;

/// <summary>Many machines on KVM, one after the other and side by side; starts that fail half way; nothing may stay behind.</summary>
[Collection(AloneCollection.Name)]
public sealed partial class KvmRobustnessTests(ITestOutputHelper output)
{
    private const string CyclesVariable = "ENCLAVE_TEST_CYCLES", EchoVariable = "ENCLAVE_TEST_ECHO_MIB";
    private const int TooManyOpenFiles = 24, LimitOpenFiles = 7;

    private static readonly MicroVmOptions OnKvm = new() { Accelerator = Accelerator.Kvm };

    [KvmFact]
    public async Task Cycles_of_start_and_stop_leave_nothing_behind()
    {
        const int warmUp = 15;
        int cycles = FromEnvironment(CyclesVariable, 60);
        ProcessResources? before = null;
        for (int i = -warmUp; i < cycles; i++)
        {
            if (i == 0)
                before = ProcessResources.Measure();
            await using BareMetalGuest guest = await BareMetalGuest.StartHelloAsync(OnKvm);
            // Every third ends by itself, every third in the middle of things.
            if (i % 3 == 0)
            {
                await using VsockStream lines = await guest.Machine.Vsock.ConnectAsync(5001);
                await lines.WriteAsync("exit\n"u8.ToArray());
                (await guest.ExitAsync()).Reason.Should().Be(VmExitReason.Reboot);
            }
            else if (i % 3 == 1)
            {
                VsockStream flood = await guest.Machine.Vsock.ConnectAsync(5003);
                await flood.WriteAsync("1000000\n"u8.ToArray());
                (await flood.ReadAsync(new byte[1])).Should().Be(1);
            }
        }

        ProcessResources after = ProcessResources.MeasureWhen(now => now.HoldsNoEnclave && now.Descriptors <= before!.Descriptors + 3);
        output.WriteLine($"before: {before}");
        output.WriteLine($"after {cycles} cycles: {after}");
        after.HoldsNoEnclave.Should().BeTrue(after.ToString());
        after.Descriptors.Should().BeLessThanOrEqualTo(before!.Descriptors + 3);
        // The runtime itself compiles and grows a little; one left behind for each cycle would be far more.
        after.MappingsSince(before).Should().BeLessThan(cycles / 2);
        after.Threads.Should().BeLessThan(before.Threads + (cycles / 2));
        after.ManagedBytes.Should().BeLessThan(before.ManagedBytes + (cycles * 20_000L));
    }

    [KvmFact]
    public async Task Eight_enclaves_with_one_CID_live_side_by_side()
    {
        await Task.WhenAll(Enumerable.Range(0, 8).Select(async i =>
        {
            await using BareMetalGuest guest = await BareMetalGuest.StartHelloAsync(OnKvm with { GuestCid = 16 });
            (await guest.CommandAsync("cid")).Should().Be("16");
            byte[] data = Encoding.ASCII.GetBytes($"enclave {i} ").Concat(RandomBytes(100_000, i)).ToArray();
            (await EchoAsync(guest, data.Length, (offset, span) => data.AsSpan((int)offset, span.Length).CopyTo(span))).Should().Be(data.Length);
            (await guest.CommandAsync($"echo I am {i}")).Should().Be($"I am {i}");
        }));
        ShouldHoldNoEnclave();
    }

    [KvmFact]
    public async Task A_long_echo_arrives_intact_with_bounded_memory()
    {
        long length = (long)FromEnvironment(EchoVariable, 16) << 20;
        await using BareMetalGuest guest = await BareMetalGuest.StartHelloAsync(OnKvm);
        long before = GC.GetTotalMemory(forceFullCollection: true), most = 0;
        long start = Environment.TickCount64;

        long received = await EchoAsync(guest, length, Pattern, () => most = Math.Max(most, GC.GetTotalMemory(forceFullCollection: false)));

        output.WriteLine($"{length >> 20} MiB there and back in {Environment.TickCount64 - start} ms, at most {(most - before) / 1024.0 / 1024:F1} MiB more on the managed heap");
        received.Should().Be(length);
        // Garbage included: what is held is 256 KiB in each direction.
        (most - before).Should().BeLessThan(24 << 20);
    }

    [KvmFact]
    public async Task Running_out_of_descriptors_at_any_point_leaves_nothing_behind()
    {
        using var image = EifImage.Load(BareMetalGuest.Image("hello").Build());
        // Once with enough of them and once with none, so that everything is loaded that will be.
        await MicroVm.Create(image, OnKvm).DisposeAsync();
        WithDescriptors(0, () => MicroVm.Create(image, OnKvm))!.ToString().Should().NotBeEmpty();
        int failures = 0;
        for (int allowed = 0; ; allowed++)
        {
            failures.Should().BeLessThan(100, "a machine has some 15 descriptors");
            ProcessResources before = ProcessResources.Measure();
            MicroVm? machine = null;
            Exception? failure = WithDescriptors(allowed, () => machine = MicroVm.Create(image, OnKvm));
            if (failure is null)
            {
                await machine!.DisposeAsync();
                break;
            }

            failures++;
            failure.Should().BeOfType<AcceleratorUnavailableException>($"with {allowed} descriptors: {failure}")
                .Which.Message.Should().Contain($"errno {TooManyOpenFiles}");
            ProcessResources after = ProcessResources.MeasureWhen(now => now.HoldsNoEnclave && now.Descriptors <= before.Descriptors);
            after.HoldsNoEnclave.Should().BeTrue("with {0} descriptors: {1}; {2}", allowed, failure.Message, after);
            after.Descriptors.Should().BeLessThanOrEqualTo(before.Descriptors, "with {0} descriptors: {1}", allowed, failure.Message);
        }

        failures.Should().BeGreaterThan(8);
    }

    [KvmTheory]
    [InlineData("/dev/no-such-kvm", "errno 2", "load kvm_intel or kvm_amd")]
    [InlineData("/dev/null", "is not KVM", "errno 25")]
    [InlineData("/dev", "errno 21", "enclave doctor")]
    public void What_is_no_KVM_is_said_and_leaves_nothing_behind(string device, string problem, string more)
    {
        using var image = EifImage.Load(BareMetalGuest.Image("hello").Build());
        LeavesNothingBehind(() =>
            ((Action)(() => MicroVm.Create(image, OnKvm, new AcceleratorChoice(new KvmAccelerator(device), "the test says so"))))
                .Should().Throw<AcceleratorUnavailableException>().WithMessage($"*{device}*{problem}*").Which.Message.Should().Contain(more));
    }

    [KvmFact]
    public void Impossible_memory_is_said_and_leaves_nothing_behind()
    {
        var builder = BareMetalGuest.Image("hello").AddRamdisk(new byte[6 << 20]);
        using var image = EifImage.Load(builder.Build());
        LeavesNothingBehind(() =>
        {
            Fails<GuestMemoryException>(1 << 20).Message.Should().Contain("at least 2097152 bytes");
            Fails<GuestMemoryException>((8 << 20) + 1).Message.Should().Contain("pages of 4096");
            Fails<GuestMemoryException>(1L << 46).Message.Should().Contain("larger than what this host has");
            Fails<EnclaveImageException>(4 << 20).Message.Should().Contain("memory");
        });

        T Fails<T>(long bytes)
            where T : Exception => ((Action)(() => MicroVm.Create(image, OnKvm with { MemoryBytes = bytes }))).Should().Throw<T>().Which;
    }

    [KvmTheory]
    [InlineData(1)]
    [InlineData(2)]
    public async Task Starting_stopping_and_disposing_at_the_same_time_comes_to_one_end(int seed)
    {
        var random = new Random(seed);
        using var image = EifImage.Load(BareMetalGuest.Image("spin").Build());
        for (int round = 0; round < 30; round++)
        {
            MicroVm machine = MicroVm.Create(image, OnKvm with { Cpus = 2 });
            using var barrier = new Barrier(3);
            int first = random.Next(3), spin = random.Next(20_000);
            Task start = Actor(0, () =>
            {
                try
                {
                    machine.Start();
                }
                catch (Exception exception) when (exception is InvalidOperationException or ObjectDisposedException)
                {
                    // It was too late for that.
                }

                return Task.CompletedTask;
            });
            Task stop = Actor(1, async () => (await machine.StopAsync()).Reason.Should().Be(VmExitReason.Stopped));
            Task dispose = Actor(2, async () => await machine.DisposeAsync());
            await Task.WhenAll(start, stop, dispose).WaitAsync(BareMetalGuest.Patience);
            (await machine.Exited).Reason.Should().Be(VmExitReason.Stopped);
            machine.Invoking(m => m.Start()).Should().Throw<ObjectDisposedException>();

            Task Actor(int number, Func<Task> action) => Task.Factory.StartNew(
                () =>
                {
                    barrier.SignalAndWait();
                    if (number != first)
                        Thread.SpinWait(spin);
                    return action();
                },
                CancellationToken.None, TaskCreationOptions.LongRunning, TaskScheduler.Default).Unwrap();
        }

        ShouldHoldNoEnclave();
    }

    [KvmFact]
    public async Task A_machine_starts_once_and_never_after_its_end()
    {
        using var image = EifImage.Load(BareMetalGuest.Image("spin").Build());
        MicroVm stopped = MicroVm.Create(image, OnKvm);
        (await stopped.StopAsync()).Reason.Should().Be(VmExitReason.Stopped);
        stopped.Invoking(machine => machine.Start()).Should().Throw<InvalidOperationException>().WithMessage("*stopped*");
        await stopped.DisposeAsync();

        MicroVm running = MicroVm.Create(image, OnKvm);
        running.Start();
        running.Invoking(machine => machine.Start()).Should().Throw<InvalidOperationException>().WithMessage("*once*");
        await running.DisposeAsync();
        await running.DisposeAsync();
        (await running.StopAsync()).Reason.Should().Be(VmExitReason.Stopped);
    }

    [KvmFact]
    public async Task A_console_that_throws_ends_the_machine_and_not_the_process()
    {
        using var image = EifImage.Load(BareMetalGuest.Image("hello").Build());
        await using MicroVm machine = MicroVm.Create(image, OnKvm with { Console = new BrokenConsole() });
        machine.Start();
        VmExit exit = await machine.Exited.WaitAsync(BareMetalGuest.Patience);
        exit.Reason.Should().Be(VmExitReason.HypervisorError);
        exit.Detail.Should().Contain("the console is broken");
    }

    [KvmFact]
    public async Task A_logger_that_throws_harms_nothing()
    {
        await using BareMetalGuest guest = await BareMetalGuest.StartHelloAsync(OnKvm with { LoggerFactory = new BrokenLoggers() });
        (await guest.Machine.StopAsync()).Reason.Should().Be(VmExitReason.Stopped);
    }

    [KvmFact]
    public async Task Extra_command_line_and_ramdisk_come_after_the_images_own()
    {
        byte[] extra = RandomBytes(5000, 1);
        await using BareMetalGuest guest = BareMetalGuest.Start("hello", OnKvm with
        {
            ExtraCommandLine = "hello.no_heartbeat hello.initrd_hash my.option=1",
            ExtraInitrd = extra,
        });
        await guest.WaitForConsoleAsync("parent: port 9001 refused");

        // The image's ramdisk is 1024 zeros; FNV-1a over all of it as the kernel gets it.
        byte[] whole = [.. new byte[1024], .. extra];
        uint hash = whole.Aggregate(0x811C9DC5u, (sum, b) => unchecked((sum ^ b) * 0x01000193u));
        guest.Console.Should().Contain($"initrd: {whole.Length} bytes").And.Contain($"initrd: fnv1a 0x{hash:x8}")
            .And.MatchRegex("command line: console=ttyS0 .*hello.no_heartbeat hello.initrd_hash my.option=1");
    }

    private static byte[] RandomBytes(int length, int seed)
    {
        byte[] bytes = new byte[length];
        new Random(seed).NextBytes(bytes);
        return bytes;
    }

    private static void ShouldHoldNoEnclave() => ProcessResources.MeasureWhen(now => now.HoldsNoEnclave).Should().Match<ProcessResources>(now => now.HoldsNoEnclave);

    private static void LeavesNothingBehind(Action action)
    {
        const int times = 40;
        // The first times load code; one mapping left behind each time would be more than what the runtime takes by itself.
        for (int i = 0; i < 5; i++)
            action();
        ProcessResources before = ProcessResources.Measure();
        for (int i = 0; i < times; i++)
            action();
        ProcessResources after = ProcessResources.MeasureWhen(now => now.Descriptors <= before.Descriptors);
        after.Descriptors.Should().BeLessThanOrEqualTo(before.Descriptors);
        after.MappingsSince(before).Should().BeLessThan(times / 2);
    }

    /// <summary>The bytes of a stream that has no period of a power of two.</summary>
    private static void Pattern(long offset, Span<byte> span)
    {
        for (int i = 0; i < span.Length; i++)
            span[i] = (byte)((offset + i) % 251 * 3);
    }

    /// <summary>Sends and receives at once and compares.</summary>
    private static async Task<long> EchoAsync(BareMetalGuest guest, long length, SpanAction fill, Action? sample = null)
    {
        await using VsockStream stream = await guest.Machine.Vsock.ConnectAsync(5000);
        Task writing = Task.Run(async () =>
        {
            byte[] chunk = new byte[64 * 1024];
            for (long done = 0; done < length; done += chunk.Length)
            {
                int count = (int)Math.Min(chunk.Length, length - done);
                fill(done, chunk.AsSpan(0, count));
                await stream.WriteAsync(chunk.AsMemory(0, count));
            }

            stream.CompleteWriting();
        });
        byte[] received = new byte[64 * 1024], expected = new byte[64 * 1024];
        long total = 0;
        while (true)
        {
            int count = await guest.WithinAsync(stream.ReadAsync(received).AsTask());
            if (count == 0)
                break;
            fill(total, expected.AsSpan(0, count));
            if (!received.AsSpan(0, count).SequenceEqual(expected.AsSpan(0, count)))
                Assert.Fail($"The echo differs within {count} bytes from {total}.");
            total += count;
            sample?.Invoke();
        }

        await writing;
        return total;
    }

    /// <summary>Runs an action while this process may open only so many more descriptors.</summary>
    private static Exception? WithDescriptors(int allowed, Action action)
    {
        GetResourceLimit(LimitOpenFiles, out ResourceLimit limit).Should().Be(0);
        HashSet<int> used = [.. Directory.EnumerateFileSystemEntries("/proc/self/fd").Select(path => int.Parse(Path.GetFileName(path)))];
        int ceiling = 0;
        for (int free = 0; free < allowed || used.Contains(ceiling); ceiling++)
            free += used.Contains(ceiling) ? 0 : 1;
        ResourceLimit low = limit with { Current = (nuint)ceiling };
        SetResourceLimit(LimitOpenFiles, in low).Should().Be(0);
        try
        {
            action();
            return null;
        }
        catch (Exception exception)
        {
            return exception;
        }
        finally
        {
            SetResourceLimit(LimitOpenFiles, in limit).Should().Be(0);
        }
    }

    private static int FromEnvironment(string variable, int otherwise) =>
        Environment.GetEnvironmentVariable(variable) is { Length: > 0 } text ? int.Parse(text) : otherwise;

    [LibraryImport("libc", EntryPoint = "getrlimit")]
    private static partial int GetResourceLimit(int resource, out ResourceLimit limit);

    [LibraryImport("libc", EntryPoint = "setrlimit")]
    private static partial int SetResourceLimit(int resource, in ResourceLimit limit);

    private delegate void SpanAction(long offset, Span<byte> span);

    private record struct ResourceLimit(nuint Current, nuint Maximum);

    private sealed class BrokenConsole : ISerialSink
    {
        public void Write(byte value) => throw new IOException("the console is broken");
    }
}
