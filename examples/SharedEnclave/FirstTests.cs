namespace SharedEnclave;

[Collection(CollectionEnclave.Name)]
public class FirstTests(CollectionEnclave mine, AssemblyEnclave everybodys)
{
    [EnclaveFact]
    public async Task Shares_an_enclave_with_its_collection()
    {
        await using EnclaveConnection connection = await mine.ConnectAsync(port: 5001);

        (await connection.AskAsync("ping")).Should().Be("pong");
        CollectionEnclave.Boots.Should().Be(1);
    }

    [EnclaveFact]
    public async Task Shares_another_with_the_whole_assembly()
    {
        await using EnclaveConnection connection = await everybodys.ConnectAsync(port: 5001);

        (await connection.AskAsync("ping")).Should().Be("pong");
        AssemblyEnclave.Boots.Should().Be(1);
    }
}
