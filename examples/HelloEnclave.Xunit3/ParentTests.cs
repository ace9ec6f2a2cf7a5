namespace HelloEnclave.Xunit3;

/// <summary>Takes the same enclave as <see cref="HelloTests"/>: it boots once.</summary>
public class ParentTests(Hello enclave)
{
    [EnclaveFact]
    public async Task Talks_to_its_parent()
    {
        await using EnclaveClient<string, string> client = enclave.Client<string, string>(port: 5001, Codec.Lines);
        (await client.SendAsync("connect 7000", TestContext.Current.CancellationToken)).Should().Be("ok");

        await enclave.Console.WaitForLineAsync("hello from the parent", cancellationToken: TestContext.Current.CancellationToken);
        await enclave.Parent.Should().HaveMetItsExpectationsAsync();
    }

    [EnclaveFact]
    public void Sends_its_heartbeat() => enclave.Should().HaveSentHeartbeat().And.BeRunning();
}
