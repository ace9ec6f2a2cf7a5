using System.Text;

namespace HelloEnclave;

public class HelloTests(Hello enclave) : IClassFixture<Hello>
{
    [EnclaveFact]
    public async Task Answers_a_line()
    {
        await using EnclaveConnection connection = await enclave.ConnectAsync(port: 5001);

        (await connection.AskAsync("ping")).Should().Be("pong");
    }

    [EnclaveTheory]
    [InlineData(1)]
    [InlineData(1000)]
    [InlineData(100_000)]
    public async Task Echoes_bytes(int count)
    {
        byte[] sent = Encoding.ASCII.GetBytes(new string('x', count));
        await using EnclaveConnection connection = await enclave.ConnectAsync(port: 5000);

        Task sending = connection.SendAsync(sent);
        byte[] received = await connection.ReceiveAsync(count);

        await sending;
        received.Should().Equal(sent);
    }

    [EnclaveFact]
    public async Task Talks_to_its_parent()
    {
        (await enclave.Client<string, string>(port: 5001, Codec.Lines).SendAsync("connect 7000")).Should().Be("ok");

        await enclave.Console.WaitForLineAsync("hello from the parent");
        await enclave.Parent.VerifyAllAsync();
    }

    [EnclaveFact]
    public void Boots_as_it_always_did() => enclave.Console.BootLog.MatchSnapshot();

    [EnclaveFact]
    public void Sends_its_heartbeat() => enclave.Parent.HasHeartbeat.Should().BeTrue();
}
