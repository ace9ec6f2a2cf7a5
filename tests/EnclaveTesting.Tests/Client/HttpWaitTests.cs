using System.IO.Pipelines;
using System.Text;
using EnclaveTesting.Engine.Machine;

namespace EnclaveTesting.Tests.Client;

/// <summary>What a machine in virtual time gets to know of a test that sends HTTP requests.</summary>
public class HttpWaitTests
{
    [Theory]
    [InlineData("GET / HTTP/1.1\r\nHost: enclave\r\n\r\n")]
    [InlineData("POST / HTTP/1.1\r\nContent-Length: 5\r\n\r\nhello")]
    [InlineData("POST / HTTP/1.1\r\ncontent-length: 0\r\n\r\n")]
    [InlineData("POST / HTTP/1.1\r\nTransfer-Encoding: chunked\r\n\r\n3\r\na\nb\r\n1a;x=y\r\nabcdefghijklmnopqrstuvwxyz\r\n0\r\n\r\n")]
    [InlineData("POST / HTTP/1.1\r\nTransfer-Encoding: chunked\r\n\r\n0\r\nTrailer: t\r\n\r\n")]
    public void The_end_of_a_request_is_seen_however_it_is_cut(string text)
    {
        byte[] request = Encoding.ASCII.GetBytes(text);
        for (int cut = 0; cut < request.Length; cut++)
        {
            var end = new HttpRequestEnd();
            end.Follow(request.AsSpan(0, cut));
            end.IsReached.Should().BeFalse($"{cut} of {request.Length} bytes are not all");
            end.Follow(request.AsSpan(cut));
            end.IsReached.Should().BeTrue($"cut at {cut}");
        }
    }

    [Theory]
    [InlineData("PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n")]
    [InlineData("CONNECT a:1 HTTP/1.1\r\n\r\n")]
    [InlineData("GET / HTTP/1.1\r\nConnection: Upgrade\r\nUpgrade: websocket\r\n\r\n")]
    [InlineData("POST / HTTP/1.1\r\nContent-Length: -5\r\n\r\nhello")]
    [InlineData("POST / HTTP/1.1\r\nTransfer-Encoding: gzip\r\n\r\nhello")]
    [InlineData("POST / HTTP/1.1\r\nTransfer-Encoding: chunked\r\n\r\nzz\r\n\r\n")]
    public void What_has_no_end_that_one_can_tell_has_none(string text)
    {
        var end = new HttpRequestEnd();
        end.Follow(Encoding.ASCII.GetBytes(text));
        end.IsReached.Should().BeFalse();
    }

    [Fact]
    public async Task A_request_is_a_wait_when_it_has_been_written_and_until_the_answer_is_there()
    {
        var activity = new HostActivity { Changed = () => { } };
        Pipe requests = new(), answers = new();
        using HttpClient client = EnclaveHttp.CreateClient(new Uri("http://enclave/"), TimeSpan.FromMinutes(5), () => activity,
            _ => ValueTask.FromResult<Stream>(new TwoWay(answers.Reader.AsStream(), requests.Writer.AsStream())));
        using var server = new StreamReader(requests.Reader.AsStream());

        for (int i = 0; i < 3; i++)
        {
            var body = new HeldContent();
            Task<HttpResponseMessage> posting = client.PostAsync(new Uri("/", UriKind.Relative), body);
            while (await server.ReadLineAsync() is { Length: > 0 })
            {
                // The head of the request.
            }

            (await server.ReadLineAsync()).Should().Be("5");
            (await server.ReadLineAsync()).Should().Be("begin");
            activity.IsAwaited.Should().BeFalse("the rest of the request is yet to come");
            activity.IsReacting.Should().BeTrue();
            body.Release.SetResult();
            while (await server.ReadLineAsync() is not "0")
            {
                // The rest.
            }

            await server.ReadLineAsync();
            SpinWait.SpinUntil(() => activity.IsAwaited, TimeSpan.FromMinutes(2)).Should().BeTrue("it is whole now");
            posting.IsCompleted.Should().BeFalse();

            await answers.Writer.WriteAsync("HTTP/1.1 200 OK\r\nContent-Length: 5\r\n\r\nhel"u8.ToArray());
            SpinWait.SpinUntil(() => activity.IsAwaited, TimeSpan.FromMinutes(2)).Should().BeTrue("the rest of the answer is awaited");
            posting.IsCompleted.Should().BeFalse();
            await answers.Writer.WriteAsync("lo"u8.ToArray());
            using HttpResponseMessage answer = await posting;

            (await answer.Content.ReadAsStringAsync()).Should().Be("hello");
            answer.Content.Headers.ContentLength.Should().Be(5);
            activity.IsAwaited.Should().BeFalse("the test has the word");
            activity.IsReacting.Should().BeTrue();
        }

        // An answer that the test reads as it comes.
        Task<HttpResponseMessage> getting = client.GetAsync(new Uri("/", UriKind.Relative), HttpCompletionOption.ResponseHeadersRead);
        while (await server.ReadLineAsync() is { Length: > 0 })
        {
            // The request.
        }

        await answers.Writer.WriteAsync("HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\n"u8.ToArray());
        using HttpResponseMessage streamed = await getting;
        activity.IsAwaited.Should().BeFalse("nobody reads yet");
        await using Stream content = await streamed.Content.ReadAsStreamAsync();
        Task<int> reading = content.ReadAsync(new byte[10]).AsTask();
        activity.IsAwaited.Should().BeTrue();
        await answers.Writer.WriteAsync("ab"u8.ToArray());
        (await reading).Should().BeInRange(1, 2);
        activity.IsAwaited.Should().BeFalse();
    }

    [Fact]
    public async Task A_request_that_fails_leaves_nothing_behind()
    {
        var activity = new HostActivity { Changed = () => { } };
        using HttpClient client = EnclaveHttp.CreateClient(new Uri("http://enclave/"), TimeSpan.FromMinutes(5), () => activity, _ => throw new IOException("no connection"));

        await client.Invoking(it => it.GetAsync(new Uri("/", UriKind.Relative))).Should().ThrowAsync<HttpRequestException>();

        activity.IsAwaited.Should().BeFalse();
        activity.EndTurn();
        activity.IsReacting.Should().BeFalse();
    }

    /// <summary>A body whose second half waits.</summary>
    private sealed class HeldContent : HttpContent
    {
        public TaskCompletionSource Release { get; } = new(TaskCreationOptions.RunContinuationsAsynchronously);

        protected override async Task SerializeToStreamAsync(Stream stream, System.Net.TransportContext? context)
        {
            await stream.WriteAsync("begin"u8.ToArray());
            await stream.FlushAsync();
            await Release.Task;
            await stream.WriteAsync("end"u8.ToArray());
        }

        protected override bool TryComputeLength(out long length)
        {
            length = 0;
            return false;
        }
    }

    private sealed class TwoWay(Stream input, Stream output) : Stream
    {
        public override bool CanRead => true;

        public override bool CanSeek => false;

        public override bool CanWrite => true;

        public override long Length => throw new NotSupportedException();

        public override long Position { get; set; }

        public override ValueTask<int> ReadAsync(Memory<byte> buffer, CancellationToken cancellationToken = default) => input.ReadAsync(buffer, cancellationToken);

        public override async ValueTask WriteAsync(ReadOnlyMemory<byte> buffer, CancellationToken cancellationToken = default)
        {
            await output.WriteAsync(buffer, cancellationToken);
            await output.FlushAsync(cancellationToken);
        }

        public override int Read(byte[] buffer, int offset, int count) => input.Read(buffer, offset, count);

        public override void Write(byte[] buffer, int offset, int count) => output.Write(buffer, offset, count);

        public override void Flush() => output.Flush();

        public override long Seek(long offset, SeekOrigin origin) => throw new NotSupportedException();

        public override void SetLength(long value) => throw new NotSupportedException();
    }
}
