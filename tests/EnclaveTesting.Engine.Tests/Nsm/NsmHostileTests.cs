using EnclaveTesting.Engine.Devices.Nsm;
using EnclaveTesting.Engine.Tests.Devices.Virtio;
using EnclaveTesting.Tests.Shared;
using Xunit.Abstractions;

namespace EnclaveTesting.Engine.Tests.Nsm;

/// <summary>
/// The generated corpus through the device: each request in chains as Linux has them or of a random shape. What comes of it is a
/// response, an error, or a device that wants to be reset; never an exception, and never a byte outside the room that was given.
/// </summary>
public sealed class NsmHostileTests(ITestOutputHelper output)
{
    private const int Requests = 100_000;
    private const byte Canary = 0xEE;
    private const int MaxRoom = NsmProtocol.MaxResponseSize + 1000;

    private static readonly string[] Expected = ["InvalidOperation", "InvalidIndex", "ReadOnlyIndex", "InputTooLarge"];

    [Fact]
    public void Every_request_gets_a_reply_or_stops_the_device()
    {
        int seed = Seeds.Take(output);
        var random = new Random(seed);
        using var driver = new NsmDriver(new NsmOptions { RandomSeed = 1 });
        var before = driver.Pcrs.Current;
        int errors = 0, results = 0, resets = 0, waiting = 0;

        for (int i = 0; i < Requests; i++)
        {
            byte[] request = NsmCorpus.Generate(random);
            if (request.Length > NsmDriver.RequestRoom)
                request = request[..NsmDriver.RequestRoom];
            bool odd = random.Next(4) == 0;
            int room = odd ? random.Next(3) == 0 ? random.Next(MaxRoom) : random.Next(60) : NsmProtocol.MaxResponseSize;
            driver.PutRequest(request);
            driver.ResponseMemory(MaxRoom)[..room].Clear();
            driver.ResponseMemory(MaxRoom)[room..].Fill(Canary);
            ushort usedBefore = driver.Queue.UsedIndex;

            if (odd)
                Offer(driver, random, request.Length, room);
            else
                driver.Queue.Add(driver.RequestBuffer(request.Length));
            if (!odd)
                driver.Queue.Add(driver.ResponseBuffer(room));
            driver.Ring();

            Check(driver.ResponseMemory(MaxRoom)[room..].IndexOfAnyExcept(Canary) < 0, "nothing is written outside the room");
            Check(driver.RequestMemory(request.Length).SequenceEqual(request), "a request is not written into");
            int used = (ushort)(driver.Queue.UsedIndex - usedBefore);
            if (driver.NeedsReset)
            {
                Check(odd && used == 0, "only a chain of an odd shape stops the device, and it does not come back");
                resets++;
            }
            else if (used == 0)
            {
                Check(odd, "only a request without room waits");
                waiting++;
            }
            else
            {
                Check(used == 2 && driver.Queue.TryTakeUsed(out _, out uint nothing) && nothing == 0, "the request comes back first");
                driver.Queue.TryTakeUsed(out _, out uint length);
                Check(length > 0 && length <= (uint)room, "the response is there");
                if (Cbor.ErrorOf(Cbor.Decode(driver.Response(length))) is not { } error)
                {
                    // A mutation can leave a request valid: then it is answered as one.
                    Check(NsmRequest.TryParse(request, out _), "only a request gets a result");
                    results++;
                }
                else
                {
                    Check(Expected.Contains(error) || (odd && error == "BufferTooSmall"), error);
                    errors++;
                }
            }

            void Check(bool condition, string what)
            {
                if (!condition)
                    Assert.Fail($"{what}: TEST_SEED={seed}, request {i}: {Convert.ToHexString(request)}");
            }

            if (driver.NeedsReset || odd)
            {
                driver.Features = VirtioDriver.Version1 | (random.Next(2) == 0 ? VirtioDriver.EventIndex : 0) | (random.Next(2) == 0 ? VirtioDriver.IndirectDescriptors : 0);
                driver.Restart();
            }
        }

        output.WriteLine($"{errors} errors, {results} results, {resets} resets, {waiting} left waiting");
        errors.Should().BeGreaterThan(Requests * 6 / 10);
        resets.Should().BeGreaterThan(Requests / 20);
        results.Should().BeGreaterThan(Requests / 100);
        for (int i = 0; i < 16; i++)
            driver.Pcrs.Current[i].Should().Be(before[i]);
    }

    private static void Offer(NsmDriver driver, Random random, int length, int room)
    {
        DriverQueue queue = driver.Queue;
        bool indirect = (driver.Features & VirtioDriver.IndirectDescriptors) != 0;
        DriverBuffer[] request = [.. Cut(random, length, (size, offset) => driver.RequestBuffer(size, offset, writable: random.Next(40) == 0))];
        DriverBuffer[] response = [.. Cut(random, room, (size, offset) => driver.ResponseBuffer(size, offset, writable: random.Next(20) != 0))];
        switch (random.Next(8))
        {
            case 0:
                queue.Add([.. request, .. response]);
                break;
            case 1:
                queue.Add(response);
                // Never writable here: behind a chain that happens to be read only it would be a proper response's room.
                queue.Add(driver.RequestBuffer(length));
                break;
            case 2:
                queue.Add(request);
                break;
            case 3:
                queue.Add(request);
                driver.Ring();
                queue.Add(response);
                break;
            case 4 when indirect:
                queue.AddIndirect(driver.Table(0), request);
                queue.AddIndirect(driver.Table(1), response);
                break;
            case 5:
                for (ushort i = 0; i < 4; i++)
                {
                    queue.WriteDescriptor(i, new((ulong)random.NextInt64(random.Next(2) == 0 ? 1 << 20 : long.MaxValue)),
                        (uint)random.Next(random.Next(2) == 0 ? 64 : int.MaxValue), (ushort)random.Next(8), (ushort)random.Next(20));
                }

                // One chain alone is at most read.
                queue.MakeAvailable((ushort)random.Next(20));
                break;
            default:
                queue.Add(request);
                queue.Add(response);
                break;
        }
    }

    private static IEnumerable<DriverBuffer> Cut(Random random, int length, Func<int, int, DriverBuffer> buffer)
    {
        int pieces = random.Next(1, 5);
        for (int offset = 0; pieces > 0; pieces--)
        {
            int size = pieces == 1 ? length - offset : random.Next(length - offset + 1);
            yield return buffer(size, offset);
            offset += size;
        }
    }
}
