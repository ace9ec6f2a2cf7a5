using System.Text;

namespace EnclaveTesting.Cli.Tests;

public sealed class ConsoleOutputTests
{
    private static readonly TimeSpan Patience = TimeSpan.FromMinutes(2);

    [Theory]
    [InlineData("aaab", "aab", true)]
    [InlineData("ababac", "abac", true)]
    [InlineData("abab", "abac", false)]
    [InlineData("one\r\ntwo", "two", true)]
    [InlineData("Grüße", "üß", true)]
    [InlineData("anything", "", true)]
    public async Task A_text_is_found_wherever_it_begins(string printed, string text, bool found)
    {
        using var stream = new MemoryStream();
        using var console = new ConsoleOutput(stream, 0, text);
        Print(console, printed);
        (await console.CompleteAsync(CancellationToken.None).WaitAsync(Patience)).Should().BeNull();
        console.TextSeen.IsCompleted.Should().Be(found && text.Length > 0);
        Encoding.UTF8.GetString(stream.ToArray()).Should().Be(printed);
    }

    [Theory]
    [InlineData("", "line\n")]
    [InlineData("whole\n", "whole\nline\n")]
    [InlineData("half", "half\nline\n")]
    public async Task Our_own_line_begins_a_line(string printed, string expected)
    {
        using var stream = new MemoryStream();
        using var console = new ConsoleOutput(stream, 0, "");
        Print(console, printed);
        await console.CompleteAsync(CancellationToken.None).WaitAsync(Patience);
        console.WriteLine("line");
        Encoding.UTF8.GetString(stream.ToArray()).Should().Be(expected);
    }

    [Fact]
    public async Task Everything_arrives_in_order()
    {
        using var stream = new MemoryStream();
        using var console = new ConsoleOutput(stream, 0, "");
        byte[] bytes = new byte[3 << 20];
        new Random(1).NextBytes(bytes);
        await Task.Run(() =>
        {
            foreach (byte b in bytes)
                console.Write(b);
        }).WaitAsync(Patience);
        await console.CompleteAsync(CancellationToken.None).WaitAsync(Patience);
        stream.ToArray().Should().Equal(bytes);
    }

    [Fact]
    public async Task A_reader_that_stops_holds_the_enclave_until_it_is_released()
    {
        using var stream = new BlockedStream();
        using var console = new ConsoleOutput(stream, 0, "");
        console.Write(1);
        await stream.Entered.WaitAsync(Patience);
        long written = 0;
        var guest = Task.Run(() =>
        {
            for (int i = 0; i < 4 << 20; i++)
            {
                console.Write(2);
                Interlocked.Increment(ref written);
            }
        });

        await Assert.ThrowsAsync<TimeoutException>(() => guest.WaitAsync(TimeSpan.FromMilliseconds(500)));
        Interlocked.Read(ref written).Should().BeLessThan(3 << 20, "what waits is bounded");
        console.Release();
        await guest.WaitAsync(Patience);

        using var giveUp = new CancellationTokenSource();
        Task completing = console.CompleteAsync(giveUp.Token);
        await giveUp.CancelAsync();
        await completing.Invoking(task => task.WaitAsync(Patience)).Should().ThrowAsync<OperationCanceledException>();
        stream.Open();
    }

    [Fact]
    public async Task A_reader_that_has_gone_is_told_and_holds_nobody()
    {
        using var stream = new BrokenStream();
        using var console = new ConsoleOutput(stream, 0, "");
        console.Write(1);
        (await console.Ended.WaitAsync(Patience)).Should().BeOfType<IOException>();
        await Task.Run(() =>
        {
            for (int i = 0; i < 4 << 20; i++)
                console.Write(2);
        }).WaitAsync(Patience);
    }

    [Fact]
    public async Task A_stream_that_was_closed_is_a_failure_like_any_other()
    {
        using var stream = new BrokenStream { Problem = new UnauthorizedAccessException("Access to the path is denied.") };
        using var console = new ConsoleOutput(stream, 0, "");
        console.Write(1);

        (await console.Ended.WaitAsync(Patience)).Should().BeOfType<IOException>().Which.Message.Should().Contain("closed");
    }

    private static void Print(ConsoleOutput console, string text)
    {
        foreach (byte b in Encoding.UTF8.GetBytes(text))
            console.Write(b);
    }

    private sealed class BlockedStream : MemoryStream
    {
        private readonly TaskCompletionSource _entered = new(TaskCreationOptions.RunContinuationsAsynchronously);
        private readonly ManualResetEventSlim _open = new();

        public Task Entered => _entered.Task;

        public void Open() => _open.Set();

        public override void Write(byte[] buffer, int offset, int count)
        {
            _entered.TrySetResult();
            _open.Wait();
        }
    }

    private sealed class BrokenStream : MemoryStream
    {
        public Exception Problem { get; init; } = new IOException("Broken pipe");

        public override void Write(byte[] buffer, int offset, int count) => throw Problem;
    }
}
