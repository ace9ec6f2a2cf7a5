namespace HelloEnclave;

public class HelloLinuxTests(HelloLinux enclave) : IClassFixture<HelloLinux>
{
    [EnclaveFact]
    public async Task Computes_in_json()
    {
        await using EnclaveClient<Sum, Answer> client = enclave.Client<Sum, Answer>(port: 5002, Codec.Json);

        (await client.SendAsync(new Sum("add", 20, 22))).Should().Be(new Answer(true, 42));
    }

    [EnclaveFact]
    public async Task Serves_http()
    {
        using HttpClient client = enclave.CreateHttpClient(port: 8080);

        using HttpResponseMessage response = await client.GetAsync(new Uri("health", UriKind.Relative));

        response.EnsureSuccessStatusCode();
    }

    [EnclaveFact]
    public async Task Sees_the_environment_that_the_test_gave_it()
    {
        await using EnclaveConnection connection = await enclave.ConnectAsync(port: 5001);

        (await connection.AskAsync("env GREETING")).Should().Be("hello from the test");
    }

    [EnclaveFact]
    public void Boots_as_it_always_did() => enclave.Console.BootLog.MatchSnapshot();

    private sealed record Sum(string Op, int A, int B);

    private sealed record Answer(bool Ok, int Result);
}
