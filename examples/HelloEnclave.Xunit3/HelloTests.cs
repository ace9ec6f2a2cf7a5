namespace HelloEnclave.Xunit3;

public class HelloTests(Hello enclave)
{
    private static CancellationToken Stop => TestContext.Current.CancellationToken;

    [EnclaveFact]
    public async Task Answers_a_line()
    {
        await using EnclaveConnection connection = await enclave.ConnectAsync(port: 5001, Stop);

        (await connection.AskAsync("ping", Stop)).Should().Be("pong");
    }

    [EnclaveTheory]
    [InlineData("one")]
    [InlineData("one two")]
    public async Task Repeats_what_it_is_told(string text)
    {
        await using EnclaveClient<string, string> client = enclave.Client<string, string>(port: 5001, Codec.Lines);

        (await client.SendAsync($"echo {text}", Stop)).Should().Be(text);
    }

    [EnclaveFact]
    public void Boots_as_it_always_did() => enclave.Console.BootLog.MatchSnapshot();
}
