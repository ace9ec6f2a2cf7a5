using EnclaveTesting.Engine.Accelerators;
using EnclaveTesting.Tests.Lifecycle;
using EnclaveTesting.Tests.Shared;

namespace EnclaveTesting.Tests.Failures;

public sealed class FailureArtifactsTests : IDisposable
{
    private readonly DirectoryInfo _folder = Directory.CreateTempSubdirectory("enclave-artifacts-");

    public void Dispose() => _folder.Delete(recursive: true);

    [Fact]
    public async Task The_parent_report_shows_what_was_said_and_what_is_missing()
    {
        await using Enclave enclave = await Guest.StartHelloAsync(builder => builder
            .WithParent(parent => parent.Port(7000).ExpectLine("hello from enclave").Reply(new byte[] { 0, 1, 0x41 }).Port(7001).ExpectLine("never")));
        await enclave.CommandAsync("connect 7000");
        await (await enclave.Parent.WaitForConnectionAsync(7000)).Ended;

        IReadOnlyList<Artifact> artifacts = FailureArtifacts.Write([enclave], new TestName("Tests", "Fails"), _folder.FullName);

        artifacts.Should().OnlyContain(artifact => artifact.Problem == null);
        artifacts.Select(artifact => Path.GetFileName(artifact.Path)).Should().Equal("Tests.Fails.console.txt", "Tests.Fails.parent.txt");
        // The guest may have printed more since.
        enclave.Console.All.Text.Should().StartWith(await File.ReadAllTextAsync(artifacts[0].Path));
        (await File.ReadAllTextAsync(artifacts[1].Path)).Should().StartWith("The parent of hello (Running)\nHeartbeat: after ")
            .And.Contain("port 7001: 0 of 1 connections came; awaited: expect the line \"never\"")
            .And.Contain("port 7000, connection 1: Completed")
            .And.Contain("    received 19 bytes:\n        hello from enclave\n")
            .And.Contain("    sent 3 bytes:\n        000000  000141                            ..A\n");
    }

    [Fact]
    public async Task The_report_names_instructions_that_the_software_CPU_does_not_have()
    {
        await using Enclave enclave = Guest.Of("ud").WithAccelerator(Accelerator.Software).WithCommandLine("ud.sha1").WaitFor(Wait.ForExit()).Build();
        await enclave.StartAsync();

        FailureReport.Render(enclave).Should().Contain("---- what the machine could not do ----\nunimplemented instruction at 0x").And.Contain(": sha1nexte xmm0,xmm1 (0f38c8c1)");
    }

    [Fact]
    public async Task Captured_traffic_is_a_file_too()
    {
        await using Enclave enclave = await Guest.StartHelloAsync(builder => builder.WithCapture());

        IReadOnlyList<Artifact> artifacts = FailureArtifacts.Write([enclave], new TestName("Tests", "Fails"), _folder.FullName);

        artifacts.Should().HaveCount(3).And.OnlyContain(artifact => artifact.Problem == null);
        byte[] capture = await File.ReadAllBytesAsync(Path.Combine(_folder.FullName, "Tests.Fails.pcapng"));
        capture.Should().StartWith([0x0a, 0x0d, 0x0d, 0x0a], "a pcapng file begins with a section header block");
        capture.AsSpan().IndexOf("ready\n"u8).Should().BePositive();
    }

    [Fact]
    public async Task Several_enclaves_have_files_of_their_own()
    {
        await using Enclave first = Guest.Of("hello").Build();
        await using Enclave second = Guest.Of("hello").WithName("a/b").Build();

        FailureArtifacts.Write([first, second], new TestName("Tests", "Fails", [1, null, "x:y"]), _folder.FullName)
            .Select(artifact => Path.GetFileName(artifact.Path)).Should().Equal(
            "Tests.Fails(1, null, x-y).hello.1.console.txt", "Tests.Fails(1, null, x-y).hello.1.parent.txt",
            "Tests.Fails(1, null, x-y).a-b.2.console.txt", "Tests.Fails(1, null, x-y).a-b.2.parent.txt");
    }

    [Fact]
    public async Task What_cannot_be_written_is_said_and_harms_nobody()
    {
        string file = Path.Combine(_folder.FullName, "file");
        await File.WriteAllTextAsync(file, "");
        await using Enclave enclave = Guest.Of("hello").Build();

        IReadOnlyList<Artifact> artifacts = FailureArtifacts.Write([enclave], new TestName("Tests", "Fails"), Path.Combine(file, "no folder"));

        artifacts.Should().HaveCount(2).And.OnlyContain(artifact => artifact.Problem != null);
        FailureArtifacts.Describe(artifacts).Should().Contain("Tests.Fails.console.txt could not be written: ");
    }

    [FullDeviceFact]
    public async Task On_a_full_disk_it_is_said_of_each_file_and_the_others_are_written()
    {
        await using Enclave enclave = Guest.Of("hello").Build();
        string console = Path.Combine(_folder.FullName, "Tests.Fails.console.txt"), parent = Path.Combine(_folder.FullName, "Tests.Fails.parent.txt");
        // Nothing of an enclave that was never started: the parent's report is never empty.
        FullDevice.Put(parent);

        IReadOnlyList<Artifact> artifacts = FailureArtifacts.Write([enclave], new TestName("Tests", "Fails"), _folder.FullName);

        FailureArtifacts.Describe(artifacts).Should().StartWith($"---- artefacts ----\n{console}\n{parent} could not be written: No space left on device");
    }

    [Fact]
    public void Without_an_enclave_there_is_nothing_to_say() => FailureOutput.For([null], new TestName("Tests", "Fails")).Should().BeEquivalentTo(new FailureOutput("", []));
}
