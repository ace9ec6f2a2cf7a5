namespace HelloEnclave.NUnit;

public class HelloTests : EnclaveTestBase<Hello>
{
    [Test]
    public async Task Answers_a_line()
    {
        await using EnclaveConnection connection = await Enclave.ConnectAsync(port: 5001);

        Assert.That(await connection.AskAsync("ping"), Is.EqualTo("pong"));
    }

    [TestCase("one")]
    [TestCase("one two")]
    public async Task Repeats_what_it_is_told(string text)
    {
        await using EnclaveClient<string, string> client = Enclave.Client<string, string>(port: 5001, Codec.Lines);

        Assert.That(await client.SendAsync($"echo {text}"), Is.EqualTo(text));
    }

    [Test]
    public async Task Talks_to_its_parent()
    {
        await using EnclaveClient<string, string> client = Enclave.Client<string, string>(port: 5001, Codec.Lines);
        Assert.That(await client.SendAsync("connect 7000"), Is.EqualTo("ok"));

        await Enclave.Console.WaitForLineAsync("hello from the parent");
        Enclave.Parent.AssertReceived(7000, "hello from enclave\n");
        await Enclave.Parent.VerifyAllAsync();
    }

    [Test]
    public void Boots_as_it_always_did() => Enclave.Console.BootLog.MatchSnapshot();
}
