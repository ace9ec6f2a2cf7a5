using EnclaveTesting.Tests.Shared;

namespace EnclaveTesting.Tests.Snapshots;

public sealed class SnapshotTests : IDisposable
{
    private readonly string _folder = Directory.CreateTempSubdirectory().FullName;
    private readonly string _source;

    public SnapshotTests()
    {
        // Opening a window on the author's screen is not what this tests.
        DiffEngine.DiffRunner.Disabled = true;
        _source = Path.Combine(_folder, "SignerTests.cs");
        File.WriteAllText(_source, "");
    }

    public void Dispose() => Directory.Delete(_folder, recursive: true);

    [Fact]
    public void A_text_without_a_snapshot_fails_and_is_written_beside_the_test()
    {
        SnapshotMismatchException exception = Match("one\ntwo\n").Should().Throw<SnapshotMismatchException>().Which;

        exception.Message.Should().Contain("no snapshot yet").And.Contain("one\ntwo");
        exception.ReceivedPath.Should().Be(Path.Combine(_folder, "SignerTests.Boots.received.txt"));
        File.ReadAllText(exception.ReceivedPath).Should().Be("one\ntwo");
        File.Exists(exception.VerifiedPath).Should().BeFalse();
    }

    [Fact]
    public void A_text_that_equals_its_snapshot_passes_and_takes_the_received_file_away()
    {
        Match("one\ntwo\n").Should().Throw<SnapshotMismatchException>();
        File.Move(Path.Combine(_folder, "SignerTests.Boots.received.txt"), Path.Combine(_folder, "SignerTests.Boots.verified.txt"));
        File.WriteAllText(Path.Combine(_folder, "SignerTests.Boots.received.txt"), "old");

        Match("one\r\ntwo").Should().NotThrow("line ends and the last line feed do not count");

        Directory.GetFiles(_folder, "*.received.*").Should().BeEmpty();
    }

    [Fact]
    public void A_difference_is_shown_line_by_line()
    {
        File.WriteAllText(Path.Combine(_folder, "SignerTests.Boots.verified.txt"), "one\ntwo\nthree\nfour\nfive\nsix\nseven\neight\nnine");

        Match("one\ntwo\nthree\nfour\nFIVE\nsix\nseven\neight\nnine").Should().Throw<SnapshotMismatchException>().Which
            .Message.Should().Contain("- five\n+ FIVE\n").And.Contain("  four\n").And.NotContain("  one\n").And.Contain("  ...\n");
    }

    [FullDeviceFact]
    public void On_a_full_disk_the_difference_is_shown_all_the_same()
    {
        string received = Path.Combine(_folder, "SignerTests.Boots.received.txt");
        File.WriteAllText(Path.Combine(_folder, "SignerTests.Boots.verified.txt"), "one\ntwo");
        FullDevice.Put(received);

        Match("one\nTWO").Should().Throw<SnapshotMismatchException>().Which
            .Message.Should().Contain("- two\n+ TWO\n").And.Contain($"Received: {received} could not be written: No space left on device");
    }

    [Fact]
    public void Parameters_and_texts_are_part_of_the_name()
    {
        string guest = "a/b";
        Match("x", SnapshotSettings.Default.WithParameter(guest).WithText("log").InFolder("snapshots")).Should().Throw<SnapshotMismatchException>().Which
            .VerifiedPath.Should().Be(Path.Combine(_folder, "snapshots", "SignerTests.Boots_guest=a-b_log.verified.txt"));
    }

    [Fact]
    public void Default_scrubbers_take_out_what_differs_from_boot_to_boot()
    {
        File.WriteAllText(Path.Combine(_folder, "SignerTests.Boots.verified.txt"), "Linux version 6.12\nRIP: <address> at 0x1000\nmemory: 0x0000000000100000-0x0000000003ffffff usable");

        Match("[    0.000000] Linux version 6.12\n[   12.345678] RIP: ffffffff81000123 at 0x1000\n[    0.1] memory: 0x0000000000100000-0x0000000003ffffff usable".Replace("[    0.1] ", "[    0.100000] ", StringComparison.Ordinal))
            .Should().NotThrow();
    }

    [Theory]
    [InlineData("[    0.512345] ")]
    [InlineData("[    0.512345][    T9] ")]
    [InlineData("")]
    public void An_enclave_that_was_cloned_prints_what_one_that_has_booted_prints(string stamp)
    {
        const string Fork = "random: crng reseeded due to virtual machine fork";

        Scrubber.Apply(Scrubber.Defaults, $"one\n{stamp}{Fork}\ntwo").Should().Be("one\ntwo");
        Scrubber.Apply([Scrubber.CloneNotices], $"{stamp}{Fork}\nhe said: {Fork}\n{stamp}random: crng init done").Should().Be($"he said: {Fork}\n{stamp}random: crng init done");
    }

    [Theory]
    [InlineData("tsc: Detected 2394.374 MHz processor", "tsc: Detected <frequency> processor")]
    [InlineData("Calibrating delay loop (skipped)... 4788.74 BogoMIPS (lpj=9577496)", "Calibrating delay loop (skipped)... <frequency>")]
    [InlineData("Memory: 249512K/261752K available (4096K kernel code)", "Memory: <size> available (<size> kernel code)")]
    [InlineData("[    0.000000] Linux version 6.12.117 (a@b) (gcc 12) #1 SMP Thu Jan  1 00:00:00 UTC 1970", "[    0.000000] Linux version 6.12.117 (a@b) (gcc 12) <build>")]
    [InlineData("at 0x00000000deadbeef", "at <address>")]
    public void Other_scrubbers_are_there_for_the_asking(string line, string scrubbed) =>
        Scrubber.Apply([Scrubber.TscFrequency, Scrubber.MemorySizes, Scrubber.BuildIds, Scrubber.Addresses], line).Should().Be(scrubbed);

    [Fact]
    public void Lines_can_be_removed()
    {
        Scrubber[] scrubbers = [Scrubber.RemoveLines("random"), Scrubber.Lines(line => line.Length == 0 ? null : line.ToUpperInvariant())];

        Scrubber.Apply(scrubbers, "one\nrandom: crng init done\n\ntwo").Should().Be("ONE\nTWO");
    }

    [Fact]
    public void A_deterministic_build_finds_its_sources_above_its_binaries()
    {
        string binaries = Path.Combine(_folder, "tests", "A", "bin", "Debug");
        Directory.CreateDirectory(binaries);
        File.WriteAllText(Path.Combine(_folder, "tests", "A", "B.cs"), "");

        SourceDirectory.Find("/_/tests/A/B.cs", binaries).Should().Be(Path.Combine(_folder, "tests", "A"));
        FluentActions.Invoking(() => SourceDirectory.Find("/_/tests/A/C.cs", binaries)).Should().Throw<SnapshotMismatchException>().WithMessage("*/_/tests/A/C.cs*");
    }

    private Action Match(string text, SnapshotSettings? settings = null) => () => Snapshot.Match(text, settings, _source, "Boots");
}
