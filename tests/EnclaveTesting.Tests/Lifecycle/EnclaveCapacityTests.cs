namespace EnclaveTesting.Tests.Lifecycle;

public class EnclaveCapacityTests
{
    private readonly EnclaveCapacity _capacity = new(cpus: 4, memory: 100);

    [Fact]
    public async Task Admits_in_order_as_far_as_there_is_room()
    {
        EnclaveCapacity.Lease first = await _capacity.AcquireAsync(2, 60, CancellationToken.None);
        Task<EnclaveCapacity.Lease> second = _capacity.AcquireAsync(2, 60, CancellationToken.None);
        Task<EnclaveCapacity.Lease> third = _capacity.AcquireAsync(1, 1, CancellationToken.None);
        second.IsCompleted.Should().BeFalse("there are 40 left");
        third.IsCompleted.Should().BeFalse("nobody overtakes");

        first.Dispose();
        first.Dispose();

        (await second).Should().NotBeNull();
        (await third).Should().NotBeNull();
    }

    [Fact]
    public async Task Admits_what_is_larger_than_everything_when_it_is_alone()
    {
        EnclaveCapacity.Lease small = await _capacity.AcquireAsync(1, 1, CancellationToken.None);
        Task<EnclaveCapacity.Lease> huge = _capacity.AcquireAsync(32, 1000, CancellationToken.None);
        huge.IsCompleted.Should().BeFalse();

        small.Dispose();

        (await huge).Dispose();
        (await _capacity.AcquireAsync(4, 100, CancellationToken.None)).Dispose();
    }

    [Fact]
    public async Task Forgets_whoever_gives_up()
    {
        EnclaveCapacity.Lease first = await _capacity.AcquireAsync(4, 100, CancellationToken.None);
        using var giveUp = new CancellationTokenSource();
        Task<EnclaveCapacity.Lease> second = _capacity.AcquireAsync(4, 100, giveUp.Token);
        Task<EnclaveCapacity.Lease> third = _capacity.AcquireAsync(4, 100, CancellationToken.None);

        await giveUp.CancelAsync();
        await FluentActions.Awaiting(() => second).Should().ThrowAsync<OperationCanceledException>();
        first.Dispose();

        (await third).Dispose();
    }
}
