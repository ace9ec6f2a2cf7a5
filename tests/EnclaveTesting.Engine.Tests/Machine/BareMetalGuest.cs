using System.Text;
using EnclaveTesting.Engine.Accelerators;
using EnclaveTesting.Engine.Devices;
using EnclaveTesting.Engine.Devices.Vsock;
using EnclaveTesting.Engine.Eif;
using EnclaveTesting.Engine.Machine;
using EnclaveTesting.Engine.State;

namespace EnclaveTesting.Engine.Tests.Machine;

/// <summary>One of the checked-in guests of guest/baremetal in a machine, with its console and the heartbeat's answer.</summary>
internal sealed class BareMetalGuest : IAsyncDisposable
{
    /// <summary>Longer than anything here takes on the slowest machine; a test that needs it has failed.</summary>
    public static readonly TimeSpan Patience = TimeSpan.FromMinutes(5);

    private readonly RecordedConsole _console;
    private readonly TimeSpan _patience;

    private BareMetalGuest(MicroVm machine, RecordedConsole console, TimeSpan patience)
    {
        Machine = machine;
        _console = console;
        _patience = patience;
    }

    public MicroVm Machine { get; }

    public string Console => _console.Text;

    public static EifBuilder Image(string guest) => new EifBuilder()
        .WithKernel(Path.Combine(AppContext.BaseDirectory, "guests", guest + ".elf"))
        .WithCommandLine("console=ttyS0")
        .WithDefaultMemory(8 << 20)
        .WithDefaultCpus(1)
        .AddRamdisk(new byte[1024]);

    /// <summary>Builds the machine and starts it.</summary>
    public static BareMetalGuest Start(string guest, MicroVmOptions? options = null, bool start = true) => Start(Image(guest), options, start);

    /// <summary>Builds a machine for any image and starts it.</summary>
    public static BareMetalGuest Start(EifBuilder builder, MicroVmOptions? options = null, bool start = true, TimeSpan? patience = null, AcceleratorChoice? accelerator = null)
    {
        var console = new RecordedConsole();
        using var image = EifImage.Load(builder.Build());
        options = (options ?? new MicroVmOptions()) with { Console = console };
        MicroVm machine = accelerator is null ? MicroVm.Create(image, options) : MicroVm.Create(image, options, accelerator);
        if (start)
            machine.Start();
        return new BareMetalGuest(machine, console, patience ?? Patience);
    }

    /// <summary>Makes a machine of a saved one and starts it; its console begins empty.</summary>
    public static BareMetalGuest Restore(MachineSnapshot snapshot, MicroVmOptions? options = null, bool start = true)
    {
        var console = new RecordedConsole();
        var machine = MicroVm.Restore(snapshot, (options ?? new MicroVmOptions()) with { Console = console });
        if (start)
            machine.Start();
        return new BareMetalGuest(machine, console, Patience);
    }

    /// <summary>Starts <c>hello</c>, answers its heartbeat and waits until it is ready.</summary>
    public static Task<BareMetalGuest> StartHelloAsync(MicroVmOptions? options = null, string guest = "hello") => StartUntilReadyAsync(Image(guest), options);

    /// <summary>Starts an image that tells port 9001 when it is ready, answers its heartbeat and waits until it is.</summary>
    public static async Task<BareMetalGuest> StartUntilReadyAsync(EifBuilder image, MicroVmOptions? options = null, TimeSpan? patience = null)
    {
        BareMetalGuest hello = Start(image, options, start: false, patience);
        try
        {
            using VsockListener heartbeat = hello.Machine.Vsock.Listen(9000);
            using VsockListener ready = hello.Machine.Vsock.Listen(9001);
            hello.Machine.Start();
            await hello.AnswerAsync(heartbeat);
            using VsockStream stream = await hello.WithinAsync(ready.AcceptAsync().AsTask());
            (await hello.ReadToEndAsync(stream)).Should().Be("ready\n");
            return hello;
        }
        catch
        {
            await hello.DisposeAsync();
            throw;
        }
    }

    /// <summary>Answers one heartbeat as the parent does.</summary>
    public async Task AnswerAsync(VsockListener heartbeat, byte answer = 0xB7)
    {
        using VsockStream stream = await WithinAsync(heartbeat.AcceptAsync().AsTask());
        byte[] beat = new byte[1];
        await WithinAsync(stream.ReadExactlyAsync(beat).AsTask());
        beat[0].Should().Be(0xB7);
        await WithinAsync(stream.WriteAsync(new[] { answer }).AsTask());
    }

    /// <summary>Sends one command to port 5001 and reads the line that answers it.</summary>
    public async Task<string> CommandAsync(string command)
    {
        await using VsockStream stream = await WithinAsync(Machine.Vsock.ConnectAsync(5001));
        await WithinAsync(stream.WriteAsync(Encoding.ASCII.GetBytes(command + "\n")).AsTask());
        stream.CompleteWriting();
        return (await ReadToEndAsync(stream)).TrimEnd('\n');
    }

    public async Task<string> ReadToEndAsync(VsockStream stream)
    {
        using var reader = new StreamReader(stream, Encoding.ASCII, leaveOpen: true);
        return await WithinAsync(reader.ReadToEndAsync());
    }

    public async Task<VmExit> ExitAsync() => await WithinAsync(Machine.Exited);

    /// <summary>Waits until the guest has printed something.</summary>
    public Task WaitForConsoleAsync(string text) => WithinAsync(_console.WaitForAsync(text));

    /// <summary>Waits with patience; what did not come is reported with the console.</summary>
    public async Task<T> WithinAsync<T>(Task<T> task)
    {
        await WithinAsync((Task)task);
        return await task;
    }

    public async Task WithinAsync(Task task)
    {
        try
        {
            await task.WaitAsync(_patience);
        }
        catch (TimeoutException)
        {
            throw new TimeoutException($"Nothing came within {_patience}; the console says:\n{Console}");
        }
    }

    public ValueTask DisposeAsync() => Machine.DisposeAsync();

    private sealed class RecordedConsole : ISerialSink
    {
        private readonly List<byte> _bytes = [];
        private TaskCompletionSource _changed = new(TaskCreationOptions.RunContinuationsAsynchronously);

        public string Text
        {
            get
            {
                lock (_bytes)
                    return Encoding.UTF8.GetString([.. _bytes]).Replace("\r\n", "\n", StringComparison.Ordinal);
            }
        }

        public async Task WaitForAsync(string text)
        {
            while (true)
            {
                Task changed;
                lock (_bytes)
                    changed = _changed.Task;
                if (Text.Contains(text, StringComparison.Ordinal))
                    return;
                await changed;
            }
        }

        public void Write(byte value)
        {
            TaskCompletionSource changed;
            lock (_bytes)
            {
                _bytes.Add(value);
                changed = _changed;
                if (value == '\n')
                    _changed = new TaskCompletionSource(TaskCreationOptions.RunContinuationsAsynchronously);
            }

            if (value == '\n')
                changed.TrySetResult();
        }
    }
}
