using System.Text;
using System.Text.RegularExpressions;
using System.Threading.Channels;
using EnclaveTesting.Engine.Machine;

namespace EnclaveTesting.Tests.Console;

public sealed class ConsoleLogTests
{
    private readonly ConsoleLog _log = new();

    [Fact]
    public void Ends_lines_at_line_feeds_and_drops_carriage_returns()
    {
        Print("one\r\ntwo\r\r\n\nthr");
        _log.Lines.Select(line => line.Text).Should().Equal("one", "two", "");
        _log.Lines.Select(line => line.Number).Should().Equal(0, 1, 2);
        _log.PartialLine.Should().Be("thr");
        Encoding.ASCII.GetString(_log.GetRawBytes()).Should().Be("one\r\ntwo\r\r\n\nthr");
    }

    [Fact]
    public void Shows_bytes_that_are_no_text()
    {
        foreach (byte value in (byte[])[0x61, 0xff, 0x1b, 0x09, 0xe2, 0x82, 0xac, 0xe2, 0x82, (byte)'\n'])
            _log.Write(value);
        _log.Lines.Single().Text.Should().Be("a\\xff\\x1b\t€\\xe2\\x82");
    }

    [Fact]
    public void Keeps_the_newest_within_its_capacity_and_says_so()
    {
        var log = new ConsoleLog(capacity: 4096);
        for (int i = 0; i < 10_000; i++)
        {
            foreach (byte value in Encoding.ASCII.GetBytes($"line {i}\n"))
                log.Write(value);
        }

        log.GetRawBytes().Length.Should().BeLessThanOrEqualTo(4096);
        log.Lines[^1].Should().Match<ConsoleLine>(line => line.Text == "line 9999" && line.Number == 9999);
        log.Lines.Count.Should().BeLessThan(200);
        log.Render().Should().MatchRegex(@"^\[\d+ lines dropped: the console keeps 4096 bytes\]\nline ");
        log.ByteCount.Should().Be(Enumerable.Range(0, 10_000).Sum(i => $"line {i}\n".Length));
    }

    [Fact]
    public void Breaks_a_line_that_never_ends()
    {
        for (int i = 0; i < 200_000; i++)
            _log.Write((byte)'x');
        _log.Lines.Should().HaveCount(3).And.OnlyContain(line => line.Text.Length == 65536);
    }

    [Fact]
    public async Task Finds_a_line_printed_before_the_wait()
    {
        Print("booted\n");
        (await _log.WaitForLineAsync("boot")).Text.Should().Be("booted");
    }

    [Fact]
    public async Task Finds_a_line_printed_during_the_wait_and_a_prompt_without_line_end()
    {
        Task<ConsoleLine> line = _log.WaitForLineAsync(new Regex("^port [0-9]+$"));
        Task<ConsoleLine> prompt = _log.WaitForLineAsync(text => text.EndsWith("login: ", StringComparison.Ordinal));
        line.IsCompleted.Should().BeFalse();
        Print("port 17\nenclave login: ");
        (await line).Text.Should().Be("port 17");
        (await prompt).Text.Should().Be("enclave login: ");
    }

    [Fact]
    public async Task Says_what_was_awaited_and_what_was_printed_instead()
    {
        Print("Linux version 6.12\nno luck\n");
        Func<Task> wait = () => _log.WaitForLineAsync("ready", TimeSpan.FromMilliseconds(20));
        (await wait.Should().ThrowAsync<EnclaveTimeoutException>()).Which.Message.Should().Be(
            """
            Waited 20 ms for a console line containing "ready"; it did not come.
            Console (last lines):
                Linux version 6.12
                no luck
            """);
    }

    [Fact]
    public async Task Fails_at_once_when_the_enclave_ends()
    {
        Task<ConsoleLine> wait = _log.WaitForLineAsync("ready", TimeSpan.FromHours(1));
        Print("dying\n");
        var exit = new VmExit(VmExitReason.Reboot, "keyboard controller");
        _log.Complete(awaited => new EnclaveExitedException(awaited, exit, _log.Tail(), "what is known"));
        (await wait.Invoking(task => task).Should().ThrowAsync<EnclaveExitedException>()).Which.Message.Should().Be(
            """
            The enclave ended while a console line containing "ready" was awaited.
            what is known
            """);
    }

    [Fact]
    public async Task Stops_waiting_when_cancelled()
    {
        using var cancellation = new CancellationTokenSource();
        Task<ConsoleLine> wait = _log.WaitForLineAsync("ready", TimeSpan.FromHours(1), cancellation.Token);
        await cancellation.CancelAsync();
        await wait.Invoking(task => task).Should().ThrowAsync<OperationCanceledException>();
    }

    [Fact]
    public async Task Is_copied_line_by_line_until_the_copy_is_disposed()
    {
        Print("before\n");
        var console = new EnclaveConsole(_log, SnapshotSettings.Default);
        var copied = Channel.CreateUnbounded<string>();
        using (console.WriteTo(line => copied.Writer.TryWrite(line)))
        {
            Print("one\r\n");
            (await copied.Reader.ReadAsync()).Should().Be("one", "it is written as it is printed");
            Print("two\nhalf");
        }

        Print(" after\n");
        copied.Writer.Complete();
        (await copied.Reader.ReadAllAsync().ToListAsync()).Should().Equal("two");
    }

    [Fact]
    public void Is_copied_from_its_start_if_asked()
    {
        Print("one\ntwo\n");
        var copied = new List<string>();

        new EnclaveConsole(_log, SnapshotSettings.Default).WriteTo(copied.Add, fromStart: true).Dispose();

        copied.Should().Equal("one", "two");
    }

    [Fact]
    public void A_copy_whose_output_is_gone_ends()
    {
        int calls = 0;
        IDisposable copy = new EnclaveConsole(_log, SnapshotSettings.Default).WriteTo(_ =>
        {
            calls++;
            throw new InvalidOperationException("There is no currently active test.");
        });
        Print("one\ntwo\n");

        copy.Dispose();

        calls.Should().Be(1);
    }

    private void Print(string text)
    {
        foreach (byte value in Encoding.UTF8.GetBytes(text))
            _log.Write(value);
    }
}
