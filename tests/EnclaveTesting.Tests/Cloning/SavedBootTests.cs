using EnclaveTesting.Engine.Accelerators;
using EnclaveTesting.Engine.Devices.Nsm;
using EnclaveTesting.Engine.Devices.Vsock;
using EnclaveTesting.Engine.Machine;
using EnclaveTesting.Engine.State;
using EnclaveTesting.Tests.Lifecycle;
using Microsoft.Extensions.Logging;

namespace EnclaveTesting.Tests.Cloning;

/// <summary><see cref="EnclaveBuilder.WithSnapshot"/>: who boots, who goes on from a saved boot, and that nobody can tell.</summary>
public sealed class SavedBootTests : IDisposable
{
    private readonly DirectoryInfo _directory = Directory.CreateTempSubdirectory("enclave-cache-");
    private readonly Warnings _warnings = new();

    public void Dispose() => _directory.Delete(recursive: true);

    [Fact]
    public async Task A_saved_boot_looks_as_the_boot_did()
    {
        SnapshotStore thisProcess = Store(), another = Store();
        int handled = 0;
        EnclaveBuilder builder = Hello(parent => parent.Port(9001).Handle(async (peer, token) =>
        {
            (await peer.ReadToEndAsync(token)).Should().Equal("ready\n"u8.ToArray());
            handled++;
        })).WithCapture().WithSnapshot(After.Heartbeat.And(Wait.ForParentPort(9001)));
        List<(bool Restored, string BootLog, string Connections, int Packets)> seen = [];
        foreach (SnapshotStore store in (SnapshotStore[])[thisProcess, thisProcess, another])
        {
            await using Enclave enclave = await StartAsync(builder, store);
            await enclave.Parent.VerifyAllAsync();
            await Task.WhenAll(enclave.Parent.Connections.Select(connection => connection.Ended));
            seen.Add((enclave.WasRestored, enclave.Console.BootLog.Text, string.Join('\n', enclave.Parent.Connections.OrderBy(connection => connection.Port)), enclave.Capture!.PacketCount));
            (await enclave.CommandAsync("echo alive")).Should().Be("alive");
        }

        seen.Select(run => run.Restored).Should().Equal(false, true, true);
        seen.Select(run => run.BootLog).Distinct().Should().ContainSingle().Which.Should().Contain("hello: enclave guest starting");
        seen.Select(run => run.Connections).Distinct().Should().ContainSingle();
        seen.Should().OnlyContain(run => run.Packets > 5, "the boot's packets are a restored enclave's own, too");
        handled.Should().Be(3, "the parent's handler sees every boot");
        _warnings.Texts.Should().BeEmpty();
    }

    [Fact]
    public async Task After_the_heartbeat_the_application_starts_as_ever()
    {
        SnapshotStore store = Store();
        EnclaveBuilder builder = LinuxEnclave.Builder().WithLogger(_warnings).WithSnapshot(After.Heartbeat);
        await using Enclave booted = await StartAsync(builder, store);
        await using Enclave restored = await StartAsync(builder, store);

        restored.WasRestored.Should().BeTrue(string.Join('\n', _warnings.Texts));
        (await restored.CommandAsync("env GREETING")).Should().Be("hello");
        await restored.Parent.VerifyAllAsync();
        restored.Parent.ConnectionsTo(9001).Should().ContainSingle();
        restored.Console.BootLog.Text.Should().Be(booted.Console.BootLog.Text);
    }

    [Fact]
    public async Task A_parent_that_says_something_else_boots_its_enclave()
    {
        SnapshotStore store = Store();
        EnclaveBuilder Saying(string text) => Hello(parent => parent.Port(9001).Expect("ready\n").Port(7000).Handle(async (peer, token) =>
        {
            await peer.ReadLineAsync(token);
            await peer.WriteLineAsync(text, token);
        })).WithSnapshot(Wait.Until("the enclave has heard its parent", async (enclave, _) =>
        {
            await enclave.Parent.WaitForConnectionAsync(9001);
            await enclave.CommandAsync("connect 7000");
            await enclave.Console.WaitForLineAsync(line => line is "one" or "two");
        }));
        await using Enclave first = await StartAsync(Saying("one"), store);
        await using Enclave same = await StartAsync(Saying("one"), store);
        await using Enclave other = await StartAsync(Saying("two"), store);

        first.WasRestored.Should().BeFalse();
        same.WasRestored.Should().BeTrue(string.Join('\n', _warnings.Texts));
        other.WasRestored.Should().BeFalse();
        same.Console.ApplicationLog.Text.Should().Contain("one\n");
        other.Parent.ConnectionsTo(7000).Should().ContainSingle().Which.Sent.Should().Equal("two\n"u8.ToArray());
        other.Console.ApplicationLog.Text.Should().Contain("two\n").And.NotContain("one\n");
        _warnings.Texts.Should().ContainSingle().Which.Should().Contain("no longer answers \"one");
    }

    [Fact]
    public async Task Pauses_of_the_parent_have_passed_with_the_boot()
    {
        SnapshotStore store = Store();
        EnclaveBuilder builder = Hello(parent => parent.Heartbeat(Heartbeat.Late(TimeSpan.FromHours(1))).Port(9001).Expect("ready\n").Port(7000).ExpectLine("hello from enclave").Delay(TimeSpan.FromHours(1))
                .SlowDown(1, TimeSpan.FromHours(1)).ReplyLine("late"))
            .WithStartupTimeout(TimeSpan.FromMinutes(5)).WithTime(MachineTime.Virtual).WithSnapshot(Wait.Until("the enclave has heard its parent", async (enclave, _) =>
            {
                await enclave.Parent.WaitForConnectionAsync(9001);
                await enclave.CommandAsync("connect 7000");
                await enclave.Console.WaitForLineAsync("late");
            }));
        await using Enclave booted = await StartAsync(builder, store);
        await using Enclave restored = await StartAsync(builder, store);

        restored.WasRestored.Should().BeTrue(string.Join('\n', _warnings.Texts));
        await restored.Parent.VerifyAllAsync();
        (await restored.Parent.WaitForConnectionAsync(7000)).Sent.Should().Equal("late\n"u8.ToArray());
    }

    [Fact]
    public async Task A_parent_that_resets_what_it_ended_boots_its_enclave_and_so_does_one_that_resets_it_no_more()
    {
        SnapshotStore store = Store();
        List<bool> restored = [];
        foreach (bool throws in (bool[])[false, true, true, false])
        {
            EnclaveBuilder builder = Hello(parent => parent.Port(9001).Expect("ready\n").Port(7000).Handle(async (peer, token) =>
            {
                await peer.ReadLineAsync(token);
                if (throws)
                    throw new InvalidDataException("not today");
            })).WithSnapshot(Wait.Until("the enclave has asked its parent", async (enclave, _) =>
            {
                await enclave.Parent.WaitForConnectionAsync(9001);
                await enclave.CommandAsync("connect 7000");
                await enclave.EndedAsync(7000);
            }));
            await using Enclave enclave = await StartAsync(builder, store);
            restored.Add(enclave.WasRestored);
            enclave.Parent.ConnectionsTo(7000).Should().ContainSingle().Which.State.Should().Be(throws ? ParentConnectionState.Failed : ParentConnectionState.Completed);
        }

        restored.Should().Equal([false, false, true, false], string.Join('\n', _warnings.Texts));
        _warnings.Texts.Should().HaveCount(2).And.OnlyContain(text => text.Contains("port 7000") && text.Contains("reset"));
    }

    [Fact]
    public async Task Other_options_are_another_boot()
    {
        SnapshotStore store = Store();
        EnclaveBuilder builder = Hello(parent => parent.Port(9001).Expect("ready\n")).WithSnapshot(After.Heartbeat);
        await using Enclave first = await StartAsync(builder, store);

        foreach (EnclaveBuilder changed in (EnclaveBuilder[])[builder.WithMemory(16), builder.WithCid(17), builder.WithCommandLine("more"), builder.WithoutNsm(),
            builder.WithCpuTemplate(CpuTemplate.V2), builder.WithSeed(1), builder.WithEnvironment("A", "B"), builder.WithImage(Guest.Image("hello64")), builder.WithSnapshot(Wait.ForParentPort(9001)),
            builder.WithSoftwareAssist(false), builder.WithDecompression(false), builder.WithTime(MachineTime.Host), builder.WithCpus(2), builder.WithInitrd(new byte[512]), builder.WithCapture(),
            builder.WithNsm(new NsmOptions { Authority = AttestationAuthority.Create() }), builder.WithNsm(new NsmOptions { Faults = new AttestationFaults { WrongRoot = true } }),
            builder.WithTimeOfDay(new FixedTime(2020)), builder.WithTimeOfDay(new FixedTime(2030)), builder.BeforeStart((_, _) => Task.CompletedTask)])
        {
            await using Enclave enclave = await StartAsync(changed, store);
            enclave.WasRestored.Should().BeFalse();
        }

        await using Enclave again = await StartAsync(builder, store);
        again.WasRestored.Should().BeTrue();
    }

    [Fact]
    public async Task Functions_that_are_described_in_the_same_words_are_told_apart()
    {
        SnapshotStore store = Store();
        EnclaveBuilder builder = Hello(parent => parent.Port(9001).Expect("ready\n"));
        EnclaveBuilder[] builders =
        [
            builder.WithSnapshot(Wait.Until("it was told something", (enclave, _) => TellAsync(enclave, "one thing"))),
            builder.WithSnapshot(Wait.Until("it was told something", (enclave, _) => TellAsync(enclave, "another thing"))),
        ];
        static async Task TellAsync(Enclave enclave, string what)
        {
            await enclave.Parent.WaitForConnectionAsync(9001);
            await enclave.CommandAsync("console " + what);
        }

        List<(bool Restored, bool One, bool Another)> seen = [];
        foreach (EnclaveBuilder one in (EnclaveBuilder[])[.. builders, .. builders])
        {
            await using Enclave enclave = await StartAsync(one, store);
            string log = enclave.Console.ApplicationLog.Text;
            seen.Add((enclave.WasRestored, log.Contains("one thing"), log.Contains("another thing")));
        }

        seen.Should().Equal((false, true, false), (false, false, true), (true, true, false), (true, false, true));
    }

    [Fact]
    public async Task A_clock_that_goes_or_stands_as_it_did_is_the_same()
    {
        SnapshotStore store = Store();
        EnclaveBuilder builder = Hello(parent => parent.Port(9001).Expect("ready\n")).WithSnapshot(After.Heartbeat);
        foreach (Func<TimeProvider> clock in (Func<TimeProvider>[])[() => new FixedTime(2020), () => new LateTime(), () => TimeProvider.System])
        {
            await using Enclave first = await StartAsync(builder.WithTimeOfDay(clock()), store);
            await using Enclave again = await StartAsync(builder.WithTimeOfDay(clock()), store);
            (first.WasRestored, again.WasRestored).Should().Be((false, true));
        }
    }

    [Fact]
    public async Task A_file_whose_record_of_the_boot_is_none_is_a_warning_and_a_boot_once()
    {
        EnclaveBuilder builder = Hello(parent => parent.Port(9001).Expect("ready\n")).WithSnapshot(After.Heartbeat);
        await using (await StartAsync(builder, Store()))
        {
        }

        var cache = new SnapshotCache(_directory.FullName);
        string key = Path.GetFileNameWithoutExtension(cache.List().Single().Name);
        using (MachineSnapshot saved = cache.Load(key)!)
        {
            saved.Attachment = new byte[] { 1, 2, 3 };
            cache.Save(key, saved);
        }

        bool[] restored = new bool[2];
        for (int i = 0; i < restored.Length; i++)
        {
            await using Enclave enclave = await StartAsync(builder, Store());
            restored[i] = enclave.WasRestored;
        }

        restored.Should().Equal(false, true);
        _warnings.Texts.Should().ContainSingle().Which.Should().Contain("was deleted");
    }

    [Fact]
    public async Task A_damaged_file_is_a_warning_and_a_boot()
    {
        EnclaveBuilder builder = Hello(parent => parent.Port(9001).Expect("ready\n")).WithSnapshot(After.Heartbeat);
        await using (await StartAsync(builder, Store()))
        {
        }

        FileInfo file = new SnapshotCache(_directory.FullName).List().Should().ContainSingle().Which;
        byte[] bytes = File.ReadAllBytes(file.FullName);
        bytes[bytes.Length / 2] ^= 1;
        File.WriteAllBytes(file.FullName, bytes);

        await using Enclave enclave = await StartAsync(builder, Store());
        enclave.WasRestored.Should().BeFalse();
        (await enclave.CommandAsync("ping")).Should().Be("pong");
        _warnings.Texts.Should().ContainSingle().Which.Should().Contain(file.FullName).And.Contain("damaged").And.Contain("was deleted");
        await using Enclave mended = await StartAsync(builder, Store());
        mended.WasRestored.Should().BeTrue();
    }

    [Fact]
    public async Task A_directory_that_cannot_be_written_is_a_warning_and_the_process_s_own_memory_is_used()
    {
        string blocked = Path.Combine(_directory.FullName, "file");
        File.WriteAllText(blocked, "");
        var store = new SnapshotStore(() => new SnapshotCache(Path.Combine(blocked, "cache")));
        EnclaveBuilder builder = Hello(parent => parent.Port(9001).Expect("ready\n")).WithSnapshot(After.Heartbeat);
        await using Enclave first = await StartAsync(builder, store);
        await using Enclave second = await StartAsync(builder, store);

        (first.WasRestored, second.WasRestored).Should().Be((false, true));
        _warnings.Texts.Should().NotBeEmpty().And.OnlyContain(text => text.Contains(blocked));
    }

    [SmallDiskFact]
    public async Task A_full_disk_is_a_warning_and_nothing_half_written_stays()
    {
        using var disk = new SmallDisk(_directory.CreateSubdirectory("disk"));
        var store = new SnapshotStore(() => new SnapshotCache(disk.Path));
        EnclaveBuilder builder = Hello(parent => parent.Port(9001).Expect("ready\n")).WithSnapshot(After.Heartbeat);
        await using Enclave first = await StartAsync(builder, store);
        await using Enclave second = await StartAsync(builder, store);

        (first.WasRestored, second.WasRestored).Should().Be((false, true));
        _warnings.Texts.Should().ContainSingle().Which.Should().Contain($"was not saved in {disk.Path}: No space left on device");
        Directory.GetFiles(disk.Path).Should().BeEmpty();
    }

    [SmallDiskFact]
    public async Task A_cache_that_can_only_be_read_is_read()
    {
        using var disk = new SmallDisk(_directory.CreateSubdirectory("disk"), kibibytes: 8192);
        SnapshotStore OnDisk() => new(() => new SnapshotCache(disk.Path));
        EnclaveBuilder builder = Hello(parent => parent.Port(9001).Expect("ready\n")).WithSnapshot(After.Heartbeat);
        await using (await StartAsync(builder, OnDisk()))
        {
        }

        disk.MakeReadOnly();
        await using Enclave restored = await StartAsync(builder, OnDisk());
        await using Enclave other = await StartAsync(builder.WithMemory(16), OnDisk());

        (restored.WasRestored, other.WasRestored).Should().Be((true, false));
        (await restored.CommandAsync("ping")).Should().Be("pong");
        (await other.CommandAsync("ping")).Should().Be("pong");
        _warnings.Texts.Should().NotBeEmpty().And.OnlyContain(text => text.Contains(disk.Path));
    }

    [Fact]
    public async Task Of_many_who_want_the_same_one_boots()
    {
        EnclaveBuilder builder = Hello(parent => parent.Port(9001).Expect("ready\n")).WithSnapshot(After.Heartbeat);
        SnapshotStore one = Store(), other = Store();
        Enclave[] enclaves = await Task.WhenAll(Enumerable.Range(0, 6).Select(i => Task.Run(() => StartAsync(builder, i % 2 == 0 ? one : other))));
        try
        {
            enclaves.Count(enclave => !enclave.WasRestored).Should().Be(1, string.Join('\n', _warnings.Texts));
            foreach (Enclave enclave in enclaves)
                (await enclave.CommandAsync("ping")).Should().Be("pong");
        }
        finally
        {
            foreach (Enclave enclave in enclaves)
                await enclave.DisposeAsync();
        }

        _directory.GetFiles().Should().ContainSingle("locks and unfinished files are gone");
    }

    [Fact]
    public async Task The_longest_unused_go_when_there_are_too_many()
    {
        await using Enclave enclave = await Guest.StartHelloAsync();
        using EnclaveSnapshot snapshot = await enclave.CaptureAsync(new VsockJournal(), TimeSpan.FromMinutes(1), CancellationToken.None);
        var cache = new SnapshotCache(_directory.FullName);
        cache.Save("one", snapshot.Machine);
        long size = cache.List()[0].Length;
        var small = new SnapshotCache(_directory.FullName, size * 5 / 2);
        File.SetLastWriteTimeUtc(cache.List()[0].FullName, DateTime.UtcNow.AddHours(-2));
        small.Save("two", snapshot.Machine);
        File.SetLastWriteTimeUtc(Path.Combine(_directory.FullName, "two.machine"), DateTime.UtcNow.AddHours(-1));
        small.Load("one")!.Dispose();
        small.Save("three", snapshot.Machine);

        small.List().Select(file => file.Name).Should().BeEquivalentTo("one.machine", "three.machine");
        small.Clear().Should().BeGreaterThan(size);
        small.List().Should().BeEmpty();
    }

    [Fact]
    public async Task One_that_is_larger_than_the_cache_is_not_kept_and_costs_no_other()
    {
        await using Enclave enclave = await Guest.StartHelloAsync();
        using EnclaveSnapshot snapshot = await enclave.CaptureAsync(new VsockJournal(), TimeSpan.FromMinutes(1), CancellationToken.None);
        var cache = new SnapshotCache(_directory.FullName);
        cache.Save("one", snapshot.Machine);
        var small = new SnapshotCache(_directory.FullName, cache.List()[0].Length - 1);

        small.Invoking(full => full.Save("two", snapshot.Machine)).Should().Throw<IOException>().WithMessage("*ENCLAVE_CACHE_SIZE*");

        _directory.GetFiles().Should().ContainSingle().Which.Name.Should().Be("one.machine");
    }

    [Fact]
    public async Task What_killed_processes_have_left_goes_and_what_others_use_stays()
    {
        await using Enclave enclave = await Guest.StartHelloAsync();
        using EnclaveSnapshot snapshot = await enclave.CaptureAsync(new VsockJournal(), TimeSpan.FromMinutes(1), CancellationToken.None);
        var cache = new SnapshotCache(_directory.FullName);
        string[] left = ["old.lock", "old.1-2.part"];
        foreach (string name in left)
            File.WriteAllText(Path.Combine(_directory.FullName, name), "");
        using (IDisposable? held = cache.TryLock("held"))
        {
            using var written = new FileStream(Path.Combine(_directory.FullName, "written.1-2.part"), FileMode.CreateNew, FileAccess.Write);
            foreach (FileInfo file in _directory.GetFiles())
                file.LastWriteTimeUtc = DateTime.UtcNow.AddHours(-2);
            cache.Save("new", snapshot.Machine);
            _directory.GetFiles().Select(file => file.Name).Should().BeEquivalentTo("held.lock", "written.1-2.part", "new.machine");

            cache.Clear();
            _directory.GetFiles().Select(file => file.Name).Should().BeEquivalentTo("held.lock", "written.1-2.part");
            cache.TryLock("held").Should().BeNull();
        }

        cache.Clear();
        _directory.GetFiles().Should().BeEmpty();
    }

    [Fact]
    public void An_enclave_that_has_ended_cannot_be_saved() =>
        Guest.Of("hello").WithSnapshot(Wait.ForExit()).Invoking(builder => builder.Build()).Should().Throw<EnclaveConfigurationException>();

    private static async Task<Enclave> StartAsync(EnclaveBuilder builder, SnapshotStore store)
    {
        Enclave enclave = builder.WithSnapshotStore(store).Build();
        await enclave.StartAsync();
        return enclave;
    }

    private EnclaveBuilder Hello(Action<ParentBuilder> parent) =>
        Guest.Of("hello").WithLogger(_warnings).WithParent(parent).WaitFor(Wait.ForHeartbeat().And(Wait.ForParentPort(9001)));

    // As another process would have it.
    private SnapshotStore Store() => new(() => new SnapshotCache(_directory.FullName));

    private sealed class FixedTime(int year) : TimeProvider
    {
        public override DateTimeOffset GetUtcNow() => new(year, 1, 1, 0, 0, 0, TimeSpan.Zero);
    }

    private sealed class LateTime : TimeProvider
    {
        public override DateTimeOffset GetUtcNow() => base.GetUtcNow().AddDays(-100);
    }

    private sealed class Warnings : ILoggerFactory, ILogger
    {
        private readonly Lock _lock = new();
        private readonly List<string> _texts = [];

        public IReadOnlyList<string> Texts
        {
            get
            {
                lock (_lock)
                    return [.. _texts];
            }
        }

        public ILogger CreateLogger(string categoryName) => this;

        public void AddProvider(ILoggerProvider provider)
        {
        }

        public IDisposable? BeginScope<TState>(TState state)
            where TState : notnull => null;

        public bool IsEnabled(LogLevel logLevel) => logLevel >= LogLevel.Warning;

        public void Log<TState>(LogLevel logLevel, EventId eventId, TState state, Exception? exception, Func<TState, Exception?, string> formatter)
        {
            if (!IsEnabled(logLevel))
                return;
            lock (_lock)
                _texts.Add(formatter(state, exception));
        }

        public void Dispose()
        {
        }
    }
}
