using System.Buffers.Binary;
using EnclaveTesting.Engine.Accelerators;
using EnclaveTesting.Engine.Devices.Vsock;
using EnclaveTesting.Engine.Machine;
using EnclaveTesting.Engine.State;
using EnclaveTesting.Engine.Tests.Machine;
using Xunit.Abstractions;

namespace EnclaveTesting.Engine.Tests.State;

/// <summary>Saved machines in files, and files that are none.</summary>
public sealed class SnapshotFileTests(ITestOutputHelper output) : IAsyncLifetime
{
    private const int HashSize = 16, HeaderSize = 72;

    private static readonly MicroVmOptions Options = new() { Accelerator = Accelerator.Software };

    private readonly DirectoryInfo _directory = Directory.CreateTempSubdirectory("enclave-snapshots-");
    private string _path = "";
    private byte[] _file = [];

    public async Task InitializeAsync()
    {
        _path = Path.Combine(_directory.FullName, "saved");
        await using BareMetalGuest original = await BareMetalGuest.StartHelloAsync(Options);
        using MachineSnapshot snapshot = await original.Machine.CaptureAsync();
        snapshot.Attachment = "attached"u8.ToArray();
        SnapshotFile.Save(snapshot, _path);
        _file = File.ReadAllBytes(_path);
    }

    public Task DisposeAsync()
    {
        _directory.Delete(recursive: true);
        return Task.CompletedTask;
    }

    [Fact]
    public async Task A_machine_goes_on_from_its_file()
    {
        using MachineSnapshot snapshot = SnapshotFile.Load(_path);
        File.Delete(_path);
        await using BareMetalGuest guest = BareMetalGuest.Restore(snapshot, Options);

        (await guest.CommandAsync("echo from disk")).Should().Be("from disk");
        snapshot.Attachment.ToArray().Should().Equal("attached"u8.ToArray());
        guest.Machine.CommandLine.Should().Contain("console=ttyS0");
        guest.Machine.Measurements.Pcr0.IsZero.Should().BeFalse();
        _file.Length.Should().BeLessThan(2 << 20, "zeroes are left out");
    }

    [Fact]
    public async Task Later_machines_of_a_file_share_its_pages_with_each_other()
    {
        using MachineSnapshot snapshot = SnapshotFile.Load(_path);
        await using BareMetalGuest first = BareMetalGuest.Restore(snapshot, Options);
        snapshot.Memory.StoredBytes.Should().Be(0, "many processes make one machine only");
        (await first.CommandAsync("echo first")).Should().Be("first");

        await using BareMetalGuest second = BareMetalGuest.Restore(snapshot, Options);
        long stored = snapshot.Memory.StoredBytes;
        File.Delete(_path);
        await using BareMetalGuest third = BareMetalGuest.Restore(snapshot, Options);

        stored.Should().BePositive();
        snapshot.Memory.StoredBytes.Should().Be(stored);
        (await second.CommandAsync("echo second")).Should().Be("second");
        (await third.CommandAsync("echo third")).Should().Be("third");
        (await first.CommandAsync("echo again")).Should().Be("again");
    }

    [Fact]
    public async Task A_file_that_is_damaged_after_the_first_machine_harms_only_later_ones()
    {
        using MachineSnapshot snapshot = SnapshotFile.Load(_path);
        await using BareMetalGuest first = BareMetalGuest.Restore(snapshot, Options);
        using (var file = new FileStream(_path, FileMode.Open, FileAccess.Write, FileShare.ReadWrite | FileShare.Delete))
            file.SetLength(_file.Length - 100);

        snapshot.Invoking(saved => BareMetalGuest.Restore(saved, Options)).Should().Throw<StateFormatException>().Which.Found.Should().Contain("cut short");

        (await first.CommandAsync("echo unharmed")).Should().Be("unharmed");
    }

    [Fact]
    public void What_is_cut_short_is_refused()
    {
        foreach (int length in (int[])[0, 1, 7, HeaderSize - 1, HeaderSize, HeaderSize + 10, _file.Length / 2, _file.Length - 1])
            Refused(_file[..length]).Found.Should().NotBeEmpty();
    }

    [Fact]
    public async Task What_somebody_cuts_while_it_is_read_harms_nobody()
    {
        var random = new Random(1);
        for (int i = 0; i < 40; i++)
        {
            string path = Path.Combine(_directory.FullName, $"cut {i}");
            File.WriteAllBytes(path, _file);
            long length = random.Next(_file.Length);
            Task cut = Task.Run(() =>
            {
                using var file = new FileStream(path, FileMode.Open, FileAccess.Write, FileShare.ReadWrite);
                file.SetLength(length);
            });
            try
            {
                ReadAll(path);
            }
            catch (StateFormatException exception)
            {
                exception.SourceName.Should().Be(path);
            }

            await cut;
            path.Invoking(ReadAll).Should().Throw<StateFormatException>();
        }
    }

    [Fact]
    public void What_is_too_long_is_refused() => Refused([.. _file, 0]).Expected.Should().Contain("bytes of pages");

    [Fact]
    public void Every_changed_byte_is_noticed()
    {
        int seed = Environment.TickCount;
        output.WriteLine($"seed {seed}");
        var random = new Random(seed);
        int[] places = [.. Enumerable.Range(0, HeaderSize + 300), .. Enumerable.Range(0, 200).Select(_ => random.Next(_file.Length))];
        foreach (int place in places)
        {
            byte[] damaged = [.. _file];
            damaged[place] ^= (byte)(1 << random.Next(8));
            // Reserved bytes of the header are under its checksum, too.
            StateFormatException problem = Refused(damaged);
            problem.Message.Should().StartWith(_path).And.Contain("expected").And.Contain("found");
        }
    }

    [Fact]
    public void Foreign_older_and_other_builds_files_are_named()
    {
        Refused("#!/bin/sh\necho this is a program and no machine at all, however long the text may be\n"u8.ToArray()).Expected.Should().Be("a saved machine");

        byte[] older = [.. _file];
        older[8] = 0;
        Refused(older).Expected.Should().Be("format version 3");

        byte[] otherBuild = [.. _file];
        Guid.NewGuid().TryWriteBytes(otherBuild.AsSpan(16));
        Refused(otherBuild).Expected.Should().StartWith("a machine saved by this build");
    }

    // Whoever can write the file can also write its checksums.
    [Fact]
    public async Task Nothing_in_a_file_is_trusted()
    {
        int seed = Environment.TickCount;
        output.WriteLine($"seed {seed}");
        var random = new Random(seed);
        int description = BinaryPrimitives.ReadInt32LittleEndian(_file.AsSpan(32)), state = BinaryPrimitives.ReadInt32LittleEndian(_file.AsSpan(36));
        int stateAt = HeaderSize + description + HashSize, refused = 0, ran = 0;
        for (int i = 0; i < 300; i++)
        {
            byte[] forged = [.. _file];
            for (int change = random.Next(1, 4); change > 0; change--)
            {
                int place = stateAt + random.Next(state);
                forged[place] = random.Next(3) == 0 ? (byte)0xFF : (byte)random.Next(256);
            }

            PartChecksum.Compute(forged.AsSpan(stateAt, state), forged.AsSpan(stateAt + state));
            File.WriteAllBytes(_path, forged);
            using MachineSnapshot snapshot = SnapshotFile.Load(_path);
            try
            {
                await using BareMetalGuest guest = BareMetalGuest.Restore(snapshot, Options);
                ran++;
                // Runs as whatever it is now, and can be stopped; only a fault of the engine would end it as an error.
                await using var connection = await ConnectAsync(guest);
                VmExit exit = await guest.WithinAsync(guest.Machine.StopAsync());
                exit.Reason.Should().NotBe(VmExitReason.HypervisorError, exit.ToString());
            }
            catch (StateFormatException)
            {
                refused++;
            }
        }

        output.WriteLine($"{refused} refused, {ran} ran");
        refused.Should().BePositive();
        ran.Should().BePositive();
    }

    [Fact]
    public void What_could_not_be_read_again_is_not_written()
    {
        using MachineSnapshot snapshot = SnapshotFile.Load(_path);
        snapshot.Attachment = GC.AllocateUninitializedArray<byte>((256 << 20) + 1);
        string large = _path + ".large";

        snapshot.Invoking(saved => SnapshotFile.Save(saved, large)).Should().Throw<IOException>().WithMessage("*a file holds at most*");

        File.Exists(large).Should().BeFalse();
    }

    [Fact]
    public void A_table_of_impossible_pages_is_refused()
    {
        int description = BinaryPrimitives.ReadInt32LittleEndian(_file.AsSpan(32)), state = BinaryPrimitives.ReadInt32LittleEndian(_file.AsSpan(36));
        int attachment = BinaryPrimitives.ReadInt32LittleEndian(_file.AsSpan(40)), runs = BinaryPrimitives.ReadInt32LittleEndian(_file.AsSpan(44));
        int table = HeaderSize + description + HashSize + state + HashSize + attachment + HashSize;
        foreach ((int first, int count) in ((int, int)[])[(-1, 1), (0, 0), (0, -5), (2047, 2), (int.MaxValue, 1), (0, int.MaxValue)])
        {
            byte[] forged = [.. _file];
            BinaryPrimitives.WriteInt32LittleEndian(forged.AsSpan(table), first);
            BinaryPrimitives.WriteInt32LittleEndian(forged.AsSpan(table + 4), count);
            PartChecksum.Compute(forged.AsSpan(table, runs * 8), forged.AsSpan(table + (runs * 8)));

            Refused(forged).Expected.Should().Contain("pages");
        }
    }

    private static async Task<IAsyncDisposable> ConnectAsync(BareMetalGuest guest)
    {
        using var soon = new CancellationTokenSource(TimeSpan.FromMilliseconds(20));
        try
        {
            return await guest.Machine.Vsock.ConnectAsync(5001, soon.Token);
        }
        catch (Exception exception) when (exception is OperationCanceledException or VsockException)
        {
            return new MemoryStream();
        }
    }

    private static void ReadAll(string path)
    {
        using MachineSnapshot snapshot = SnapshotFile.Load(path);
        snapshot.Memory.Clone().Dispose();
    }

    private StateFormatException Refused(byte[] file)
    {
        File.WriteAllBytes(_path, file);
        return _path.Invoking(ReadAll).Should().Throw<StateFormatException>().Which;
    }
}
