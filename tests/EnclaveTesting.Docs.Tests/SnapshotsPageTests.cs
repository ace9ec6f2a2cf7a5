using System.Text.RegularExpressions;

namespace EnclaveTesting.Docs.Tests;

/// <summary>The code of docs/snapshots.md.</summary>
public class SnapshotsPageTests(SnapshotsPageTests.Scrubbed enclave) : IClassFixture<SnapshotsPageTests.Scrubbed>
{
    #region match
    [EnclaveFact]
    public void Boots_as_it_always_did() => enclave.Console.BootLog.MatchSnapshot();
    #endregion

    #region fixture
    public sealed class Scrubbed : EnclaveFixture
    {
        protected override EnclaveBuilder Configure(EnclaveBuilder enclave) => enclave
            .WithImage("hello.eif")
            .WaitFor(Wait.ForPort(5001))
            .WithSnapshots(snapshots => snapshots.WithScrubbers(
                Scrubber.Addresses,
                Scrubber.RemoveLines("memory: "),
                Scrubber.Replace(new Regex("irq [0-9]+"), "irq <n>")));
    }
    #endregion

    #region parameter
    [EnclaveTheory]
    [InlineData("ping")]
    [InlineData("cid")]
    public async Task Answers(string command)
    {
        string answer = await enclave.Client<string, string>(port: 5001, Codec.Lines).SendAsync(command);

        Snapshot.Match(answer, SnapshotSettings.Default.WithParameter(command).InFolder("Snapshots"));
    }
    #endregion

    #region lines
    [EnclaveFact]
    public void Lines_without_a_snapshot()
    {
        enclave.Console.BootLog.Lines.Should().ContainSingle(line => line.StartsWith("command line: ", StringComparison.Ordinal));
        enclave.Console.Lines[0].Text.Should().Be("hello: enclave guest starting");
    }
    #endregion
}
