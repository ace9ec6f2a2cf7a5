using Xunit.Abstractions;

namespace SharedEnclave;

/// <summary>In a collection of its own, at the same time as the others; its tests' output shows what the enclave prints meanwhile.</summary>
public sealed class ThirdTests(AssemblyEnclave everybodys, ITestOutputHelper output) : IDisposable
{
    private readonly IDisposable _console = everybodys.Console.WriteTo(output);

    public void Dispose() => _console.Dispose();

    [EnclaveFact]
    public async Task Shares_an_enclave_with_the_whole_assembly()
    {
        await using EnclaveConnection connection = await everybodys.ConnectAsync(port: 5001);

        (await connection.AskAsync("console from the third")).Should().Be("ok");
        AssemblyEnclave.Boots.Should().Be(1);
    }
}
