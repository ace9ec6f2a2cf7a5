using EnclaveTesting.Engine.Machine;

namespace EnclaveTesting.Docs.Tests;

/// <summary>The code of docs/determinism.md.</summary>
public class DeterminismPageTests
{
    #region same
    [EnclaveFact]
    public async Task Two_runs_are_the_same()
    {
        async Task<(long? Instructions, string Console)> RunAsync()
        {
            await using Enclave enclave = new EnclaveBuilder()
                .WithImage("hello.eif")
                .WithTime(MachineTime.Virtual)
                .WithSeed(7)
                .WithCommandLine("hello.exit_after_ready")
                .WithParent(parent => parent.Port(9001).Expect("ready\n"))
                .WaitFor(Wait.ForExit())
                .Build();
            await enclave.StartAsync();
            return ((await enclave.Exited).Instructions, enclave.Console.All.Text);
        }

        (await RunAsync()).Should().Be(await RunAsync());
    }
    #endregion

    #region record
    [EnclaveFact]
    public async Task A_run_is_recorded()
    {
        await using Enclave enclave = new EnclaveBuilder()
            .WithImage("hello.eif")
            .WithRecording()
            .WithParent(parent => parent.Port(9001).Expect("ready\n"))
            .WaitFor(Wait.ForParentPort(9001))
            .Build();
        await enclave.StartAsync();
        await enclave.Client<string, string>(5001, Codec.Lines).SendAsync("ping");
        await enclave.StopAsync();

        enclave.SaveRecording("hello.recording");                           // to be kept although the test passes
    }
    #endregion
}
