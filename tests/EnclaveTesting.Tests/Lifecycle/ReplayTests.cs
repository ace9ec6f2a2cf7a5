using System.Buffers.Binary;
using System.IO.Hashing;
using System.Text;
using EnclaveTesting.Engine.Devices;
using EnclaveTesting.Engine.Eif;
using EnclaveTesting.Engine.Machine;
using EnclaveTesting.Engine.Machine.Recording;
using Xunit.Abstractions;

namespace EnclaveTesting.Tests.Lifecycle;

/// <summary>Recorded runs, run again from the file alone.</summary>
public sealed class ReplayTests(ITestOutputHelper output) : IDisposable
{
    private const int FrameSize = 8, FileHeader = 8;

    private readonly string _path = Path.Combine(Path.GetTempPath(), $"replay-{Guid.NewGuid():N}.recording");

    public void Dispose() => File.Delete(_path);

    [Theory]
    [InlineData(1)]
    [InlineData(2)]
    public async Task A_run_with_requests_at_any_time_runs_again_to_its_last_instruction(int cpus)
    {
        int seed = Environment.TickCount;
        output.WriteLine($"seed {seed}");
        (VmExit exit, string console) = await RecordAsync(LinuxApp.Server.WithCpus(cpus).WithEnvironment("GREETING", "hello"), async enclave =>
        {
            var random = new Random(seed);
            await Task.WhenAll(Enumerable.Range(0, 3).Select(async number =>
            {
                await using EnclaveClient<string, string> client = enclave.Client<string, string>(5001, Codec.Lines);
                foreach (string command in (string[])["time", "ask 7000 hello", "random 8", "sleep 5", "nsm 694765745261696e646f6d", "time"])
                {
                    int pause;
                    lock (random)
                        pause = random.Next(12);
                    await Task.Delay(pause);
                    await enclave.CommandAsync($"console {number} {command}: {await client.SendAsync(command)}");
                }
            }));
            await using EnclaveConnection echo = await enclave.ConnectAsync(5000);
            await echo.SendAsync(new byte[600_000]);
            await echo.ReceiveAsync(600_000);
            await using EnclaveConnection last = await enclave.ConnectAsync(5001);
            await last.SendLineAsync("exit 3");
            return await enclave.WaitForExitAsync();
        });

        (VmExit again, string sameConsole) = await ReplayAsync(LinuxApp.Image());

        again.Reason.Should().Be(VmExitReason.Reboot, again.Detail);
        again.Instructions.Should().Be(exit.Instructions);
        sameConsole.Should().Be(console).And.Contain("exited with status 3");
    }

    [Fact]
    public async Task A_run_that_was_stopped_stops_again_at_the_same_instruction()
    {
        (VmExit exit, string console) = await RecordAsync(Guest.Of("hello").WithParent(parent => parent.Port(9001).Expect("ready\n")).WaitFor(Wait.ForParentPort(9001)), async enclave =>
        {
            (await enclave.CommandAsync("ping")).Should().Be("pong");
            return await enclave.StopAsync();
        });

        (VmExit again, string sameConsole) = await ReplayAsync(Guest.Image("hello"));

        again.Reason.Should().Be(VmExitReason.Stopped, again.Detail);
        again.Instructions.Should().Be(exit.Instructions);
        sameConsole.Should().Be(console);
    }

    [Fact]
    public async Task A_clock_of_the_tests_own_and_the_modules_faults_are_in_the_recording()
    {
        (VmExit exit, string console) = await RecordAsync(Guest.Of("nsm").WithTimeOfDay(TimeProvider.System).WaitFor(Wait.ForExit()), enclave => enclave.Exited);

        (VmExit again, string sameConsole) = await ReplayAsync(Guest.Image("nsm"));

        again.Reason.Should().Be(VmExitReason.Reboot, again.Detail);
        again.Instructions.Should().Be(exit.Instructions);
        sameConsole.Should().Be(console).And.Contain("nsm: done");
    }

    [Fact]
    public async Task A_guest_that_gets_something_else_is_told_from_the_recorded_one()
    {
        await RecordHelloAsync();
        byte[] file = await File.ReadAllBytesAsync(_path);
        int ping = file.AsSpan().IndexOf("ping\n"u8);
        file[ping + 1] = (byte)'o';
        Mend(file, ping);
        await File.WriteAllBytesAsync(_path, file);

        (VmExit again, _) = await ReplayAsync(Guest.Image("hello"));

        again.Reason.Should().Be(VmExitReason.ReplayDiverged);
        again.Detail.Should().Contain("instruction");
    }

    [Fact]
    public async Task A_recording_is_of_one_image()
    {
        await RecordHelloAsync();

        await FluentActions.Awaiting(() => ReplayAsync(Guest.Image("nsm"))).Should().ThrowAsync<ArgumentException>().WithMessage("*PCR0*");
    }

    [Fact]
    public async Task A_recording_whose_process_died_runs_as_far_as_it_goes()
    {
        await RecordHelloAsync();
        byte[] file = await File.ReadAllBytesAsync(_path);
        await File.WriteAllBytesAsync(_path, file[..^20]);

        (VmExit again, string console) = await ReplayAsync(Guest.Image("hello"));

        again.Reason.Should().Be(VmExitReason.Stopped, again.Detail);
        console.Should().Contain("hello: enclave guest starting");
    }

    [Fact]
    public void What_is_no_recording_is_named()
    {
        File.WriteAllText(_path, "something else entirely");

        RecordingFormatException exception = FluentActions.Invoking(() => MachineRecording.Open(_path)).Should().Throw<RecordingFormatException>().Which;

        exception.File.Should().Be(_path);
        exception.Offset.Should().Be(0);
        exception.Expected.Should().Contain("ENCLREC");
    }

    [Fact]
    public async Task A_register_of_another_length_is_no_header()
    {
        await using (var file = File.Create(_path))
        {
            using var record = new RecordWriter(file);
            new RecordingHeader
            {
                Engine = RecordingHeader.ThisEngine,
                Image = "hello",
                Pcr0 = new byte[47],
                MemoryBytes = 8 << 20,
                Cpus = 1,
                GuestCid = 16,
                ExtraCommandLine = null,
                Seed = 0,
                HasNsm = true,
                HasOwnTimeOfDay = false,
                Acpi = false,
                Decompress = true,
                CpuTemplate = default,
                Initrd = [],
            }.Write(record);
        }

        RecordingFormatException exception = FluentActions.Invoking(() => MachineRecording.Open(_path)).Should().Throw<RecordingFormatException>().Which;

        (exception.File, exception.Expected, exception.Found).Should().Be((_path, "a PCR of 48 bytes", "47 bytes"));
    }

    [Fact]
    public async Task An_initrd_that_no_recording_can_hold_is_refused_before_the_run()
    {
        await using Enclave enclave = Guest.Of("hello").WithMemory(256).WithInitrd(new byte[64 << 20]).WithRecording().Build();

        (await enclave.Invoking(one => one.StartAsync()).Should().ThrowAsync<EnclaveBootException>()).WithMessage("*cannot be recorded*");
    }

    [Fact]
    public async Task Damaged_recordings_do_no_harm()
    {
        await RecordHelloAsync();
        byte[] good = await File.ReadAllBytesAsync(_path);
        int seed = Environment.TickCount;
        output.WriteLine($"seed {seed}");
        var random = new Random(seed);
        for (int i = 0; i < 40; i++)
        {
            byte[] bad = [.. good];
            int at = random.Next(bad.Length);
            bad[at] ^= (byte)(1 << random.Next(8));
            // Every second one with a sum that is right, so that the fields are reached.
            if (i % 2 == 0)
                Mend(bad, at);
            await File.WriteAllBytesAsync(_path, bad);
            try
            {
                (VmExit exit, _) = await ReplayAsync(Guest.Image("hello"));
                exit.Reason.Should().BeOneOf([VmExitReason.Reboot, VmExitReason.Stopped, VmExitReason.ReplayDiverged, VmExitReason.HypervisorError], $"byte {at}: {exit}");
                if (exit.Reason == VmExitReason.HypervisorError)
                    exit.Detail.Should().Contain(nameof(RecordingFormatException));
            }
            catch (Exception exception) when (exception is RecordingFormatException or ArgumentException or Engine.Memory.GuestMemoryException or Engine.Boot.EnclaveImageException)
            {
                // As it should be.
            }
        }
    }

    private Task RecordHelloAsync() => RecordAsync(Guest.Of("hello").WithParent(parent => parent.Port(9001).Expect("ready\n")).WaitFor(Wait.ForParentPort(9001)), async enclave =>
    {
        (await enclave.CommandAsync("ping")).Should().Be("pong");
        await using EnclaveConnection last = await enclave.ConnectAsync(5001);
        await last.SendLineAsync("exit");
        return await enclave.WaitForExitAsync();
    });

    private async Task<(VmExit Exit, string Console)> RecordAsync(EnclaveBuilder builder, Func<Enclave, Task<VmExit>> run)
    {
        await using Enclave enclave = builder.WithParent(parent => parent.Port(7000).ExpectLine(_ => true).ReplyLine("hello from the parent")).WithRecording().Build();
        await enclave.StartAsync();
        if (!OperatingSystem.IsWindows())
            File.Exists(enclave.Recording!.Path).Should().BeFalse("a process that ends must leave no temporary file");
        VmExit exit = await run(enclave);
        enclave.SaveRecording(_path);
        return (exit, Text(enclave.Console.Log));
    }

    private async Task<(VmExit Exit, string Console)> ReplayAsync(EifBuilder builder)
    {
        var console = new ConsoleLog();
        using EifImage image = EifImage.Load(builder.Build());
        using MachineRecording recording = MachineRecording.Open(_path);
        await using MicroVm machine = MicroVm.Replay(image, recording, new MicroVmOptions { Console = console });
        machine.Start();
        VmExit exit = await machine.Exited.WaitAsync(TimeSpan.FromMinutes(2));
        return (exit, Text(console));
    }

    private static string Text(ConsoleLog console) => Encoding.UTF8.GetString(console.GetRawBytes());

    // Makes the sum of the record around an offset right again.
    private static void Mend(byte[] file, int offset)
    {
        for (int at = FileHeader; at + FrameSize <= file.Length;)
        {
            int length = BinaryPrimitives.ReadInt32LittleEndian(file.AsSpan(at));
            if (length < 0 || at + FrameSize + length > file.Length)
                return;
            if (offset >= at + FrameSize && offset < at + FrameSize + length)
                BinaryPrimitives.WriteUInt32LittleEndian(file.AsSpan(at + 4), Crc32.HashToUInt32(file.AsSpan(at + FrameSize, length)));
            at += FrameSize + length;
        }
    }
}
