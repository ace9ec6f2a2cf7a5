using EnclaveTesting.Engine.Devices.Nsm;
using EnclaveTesting.Tests.Shared;
using Xunit.Abstractions;

namespace EnclaveTesting.Engine.Tests.Nsm;

public sealed class NsmMalformedTests(ITestOutputHelper output)
{
    private const int Requests = 100_000;

    [Fact]
    public void Every_malformed_request_gets_an_answer_and_changes_nothing_else()
    {
        var random = new Random(Seeds.Take(output));
        var module = new TestModule(new NsmOptions { RandomSeed = 1 });
        int errors = 0;

        for (int i = 0; i < Requests; i++)
        {
            byte[] request = NsmCorpus.Generate(random);
            byte[] answer = module.AskRaw(request);

            // A mutation can leave a request valid: then it is answered as one. Anything else is an error, always decodable.
            object? decoded = Cbor.Decode(answer);
            if (Cbor.ErrorOf(decoded) is { } error)
            {
                errors++;
                Assert.Contains(error, (string[])["InvalidOperation", "InvalidIndex", "ReadOnlyIndex", "InputTooLarge"]);
            }
            else
            {
                Assert.True(NsmRequest.TryParse(request, out _), Convert.ToHexString(request));
            }
        }

        output.WriteLine($"{errors} of {Requests} were refused");
        Assert.True(errors > Requests * 8 / 10);
        for (int i = 0; i < 16; i++)
            Assert.Equal(new TestModule().Pcrs.Current[i], module.Pcrs.Current[i]);
    }
}
