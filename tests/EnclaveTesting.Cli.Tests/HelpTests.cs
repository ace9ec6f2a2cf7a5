namespace EnclaveTesting.Cli.Tests;

public class HelpTests
{
    [Fact]
    public async Task The_tool_says_one_line_about_each_command_and_a_command_says_all()
    {
        CommandRun tool = await CommandRun.OfAsync("--help"), command = await CommandRun.OfAsync("run", "--help");

        string[] lines = tool.Output.ReplaceLineEndings("\n").Split('\n');
        lines.Count(line => line.Contains("Exit codes:", StringComparison.Ordinal)).Should().Be(1);
        lines.Should().ContainSingle(line => line.TrimStart().StartsWith("run <image>", StringComparison.Ordinal)).Which.Should().EndWith("Boot an enclave image and print its console.");
        command.Output.Should().Contain("The parent answers the heartbeat").And.Contain("Exit codes:");
    }
}
