using System.Collections.Concurrent;

namespace EnclaveTesting.Tests.Lifecycle;

/// <summary>What a person at the terminal hears of a start that takes long.</summary>
public class BootProgressTests
{
    private static readonly TimeSpan TenSeconds = TimeSpan.FromSeconds(10), Patience = TimeSpan.FromMinutes(1);

    private readonly ManualTime _time = new();
    private readonly ConcurrentQueue<string> _lines = new();

    [Fact]
    public async Task A_boot_is_told_of_every_ten_seconds_with_its_last_console_line()
    {
        Enclave enclave = Guest.Of("no-heartbeat").WithStartupTimeout(Patience).WithHostTime(_time).WithProgress(_lines.Enqueue).Build();
        Task starting = enclave.StartAsync();
        await _time.WaitForTimerAsync(Patience);
        await enclave.Console.WaitForLineAsync("no-heartbeat: sleeping", Patience);

        _time.Advance(TenSeconds - TimeSpan.FromMilliseconds(1));
        _lines.Should().BeEmpty("most starts are over before");
        _time.Advance(TimeSpan.FromMilliseconds(1));
        _time.Advance(TenSeconds);
        _lines.Should().Equal(
            "EnclaveTesting: no-heartbeat: booting for 10 s; last console line: no-heartbeat: sleeping",
            "EnclaveTesting: no-heartbeat: booting for 20 s; last console line: no-heartbeat: sleeping");

        await enclave.DisposeAsync();
        await starting.Awaiting(task => task).Should().ThrowAsync<EnclaveBootException>();
        _time.Advance(TenSeconds);
        _lines.Should().HaveCount(2, "the start is over");
    }

    [Fact]
    public async Task Waiting_for_other_enclaves_is_told_and_does_not_count_as_boot()
    {
        var capacity = new EnclaveCapacity(cpus: 1, memory: 64 << 20);
        EnclaveCapacity.Lease other = await capacity.AcquireAsync(1, 1, CancellationToken.None);
        await using Enclave enclave = Guest.Of("hello").WithParent(parent => parent.Port(9001).Expect("ready\n")).WaitFor(Wait.ForParentPort(9001))
            .WithStartupTimeout(Patience).WithCapacity(capacity).WithHostTime(_time).WithProgress(_lines.Enqueue).Build();
        Task starting = enclave.StartAsync();
        using var deadline = new CancellationTokenSource(Patience);
        while (!_lines.Any(line => line.StartsWith("EnclaveTesting: hello: waiting for other enclaves to give back CPUs and memory for ", StringComparison.Ordinal)))
        {
            deadline.Token.ThrowIfCancellationRequested();
            await Task.Yield();
            _time.Advance(TenSeconds);
        }

        _time.Advance(10 * Patience);
        other.Dispose();

        await starting;
        (await enclave.CommandAsync("ping")).Should().Be("pong");
    }

    [Fact]
    public async Task An_output_that_takes_nothing_harms_nobody()
    {
        await using Enclave enclave = Guest.Of("no-heartbeat").WithStartupTimeout(Patience).WithHostTime(_time).WithProgress(_ => throw new IOException("No space left on device")).Build();
        Task starting = enclave.StartAsync();
        await _time.WaitForTimerAsync(Patience);

        _time.Invoking(time => time.Advance(TenSeconds)).Should().NotThrow("on a timer's thread it would end the process");

        await enclave.DisposeAsync();
        await starting.Awaiting(task => task).Should().ThrowAsync<EnclaveBootException>();
    }
}
