using System.Net;
using System.Net.Sockets;
using System.Text;
using EnclaveTesting.Engine.Devices.Vsock;
using EnclaveTesting.Kms;

namespace EnclaveTesting;

/// <summary>
/// The script of one port of the parent. Each connection runs all steps from the first; after the last it is closed. A connection that does
/// something else than its script expects is reset and reported by <see cref="ParentInstance.VerifyAllAsync"/>.
/// </summary>
public sealed class ParentPort
{
    private readonly ParentBuilder _parent;
    private readonly List<ParentStep> _steps = [];
    private readonly List<EndPoint> _targets = [];

    internal ParentPort(ParentBuilder parent, uint number)
    {
        _parent = parent;
        Number = number;
    }

    internal uint Number { get; }

    internal IReadOnlyList<ParentStep> Steps => _steps;

    /// <summary>Where it forwards to, as far as that is known before a connection comes.</summary>
    internal IReadOnlyList<EndPoint> Targets => _targets;

    internal bool Repeats { get; private set; }

    internal bool Refuses { get; private set; }

    internal bool NeverAnswers { get; private set; }

    internal int? ExpectedConnections { get; private set; }

    internal int ReceiveWindow { get; private set; } = VsockListenOptions.DefaultReceiveWindow;

    /// <summary>What an enclave has to do here at least once; null if nothing.</summary>
    internal string? Expectation => _steps.Find(step => step.IsExpectation)?.Description;

    /// <summary>Goes on with another port.</summary>
    public ParentPort Port(uint port) => _parent.Port(port);

    /// <summary>Waits for exactly these bytes.</summary>
    public ParentPort Expect(ReadOnlyMemory<byte> bytes) => Add("expect " + Transcript.Describe(bytes.Span, bytes.Length), true,
        (peer, token) => ParentExpectation.BytesAsync(peer, bytes, token));

    /// <summary>Waits for exactly this text, in UTF-8.</summary>
    public ParentPort Expect(string text) => Expect(Encoding.UTF8.GetBytes(text));

    /// <summary>Waits for a line (LF or CR LF).</summary>
    public ParentPort ExpectLine(string line) => Add($"expect the line \"{line}\"", true, (peer, token) => ParentExpectation.LineAsync(peer, line, token));

    /// <summary>Waits for a line that a predicate accepts.</summary>
    public ParentPort ExpectLine(Func<string, bool> predicate, string description = "that the predicate accepts") =>
        Add($"expect a line {description}", true, (peer, token) => ParentExpectation.LineAsync(peer, predicate, description, token));

    /// <summary>Waits for a line of JSON that equals another, whatever their spaces and the order of members.</summary>
    public ParentPort ExpectJson(string json) => Add($"expect JSON {json}", true, (peer, token) => ParentExpectation.JsonAsync(peer, json, token));

    /// <summary>Waits until the enclave sends no more.</summary>
    public ParentPort ExpectEnd() => Add("expect the end of what the enclave sends", true, ParentExpectation.EndAsync);

    /// <summary>Sends bytes; as the first step, without being asked.</summary>
    public ParentPort Reply(ReadOnlyMemory<byte> bytes) => Add("reply " + Transcript.Describe(bytes.Span, bytes.Length), false,
        (peer, token) => peer.WriteAsync(bytes, token));

    /// <summary>Sends text in UTF-8; as the first step, without being asked.</summary>
    public ParentPort Reply(string text) => Reply(Encoding.UTF8.GetBytes(text));

    /// <summary>Sends a line.</summary>
    public ParentPort ReplyLine(string line) => Reply(line + "\n");

    /// <summary>Sends back whatever comes until the enclave sends no more.</summary>
    public ParentPort Echo() => Add("echo", false, async (peer, token) =>
    {
        byte[] buffer = new byte[16 * 1024];
        for (int count; (count = await peer.ReadAsync(buffer, token).ConfigureAwait(false)) > 0;)
            await peer.WriteAsync(buffer.AsMemory(0, count), token).ConfigureAwait(false);
    });

    /// <summary>Runs a function; the connection is closed when it ends. What it throws is reported.</summary>
    /// <remarks>In virtual time the enclave's time stands still, for a second at most, while the function neither reads nor waits for room to write.</remarks>
    public ParentPort Handle(Func<ParentPeer, CancellationToken, Task> handler)
    {
        ArgumentNullException.ThrowIfNull(handler);
        return Add("run a handler", false, handler);
    }

    /// <summary>Answers HTTP/1.1 requests by a function.</summary>
    public ParentPort Http(Func<ParentHttpRequest, CancellationToken, Task<ParentHttpResponse>> handler)
    {
        ArgumentNullException.ThrowIfNull(handler);
        return Add("answer HTTP requests", false, (peer, token) => ParentHttpServer.ServeAsync(peer.AsStream(), handler, token));
    }

    /// <summary>Answers HTTP/1.1 requests as a stub says, which remembers them.</summary>
    public ParentPort Http(ParentHttpStub stub)
    {
        ArgumentNullException.ThrowIfNull(stub);
        return Http((request, _) => stub.HandleAsync(request));
    }

    /// <summary>Answers as AWS's key management service does.</summary>
    public ParentPort Kms(FakeKms kms)
    {
        ArgumentNullException.ThrowIfNull(kms);
        return Add("answer as KMS", false, (peer, token) => kms.HandleAsync(peer.AsStream(), peer.AttestationTime, token));
    }

    /// <summary>Waits for these lines, in whatever order they come.</summary>
    public ParentPort ExpectLinesInAnyOrder(params string[] lines) => Add($"expect {lines.Length} lines in any order", true,
        (peer, token) => ParentExpectation.LinesInAnyOrderAsync(peer, lines, token));

    /// <summary>Plays the parent's part of a recorded connection: expects what the enclave sent then, sends what the parent sent.</summary>
    public ParentPort Replay(ParentRecording recording)
    {
        ArgumentNullException.ThrowIfNull(recording);
        foreach (ParentExchange exchange in recording.Exchanges)
            _ = exchange.FromEnclave ? Expect(exchange.Bytes) : Reply(exchange.Bytes);
        return this;
    }

    /// <summary>Passes the connection on to a TCP server of the host, as AWS's vsock-proxy does.</summary>
    public ParentPort ForwardTo(string host, int port)
    {
        ArgumentException.ThrowIfNullOrEmpty(host);
        if (port is >= 1 and <= IPEndPoint.MaxPort)
            return Forward(ForwardAllowList.Server(host, port));
        _parent.Check(false, $"{host} has ports 1 to {IPEndPoint.MaxPort}, not {port}: port {Number} cannot forward there.");
        return this;
    }

    /// <summary>Passes the connection on to a TCP server whose address is asked for when the enclave connects; what the function throws is reported.</summary>
    public ParentPort ForwardTo(Func<DnsEndPoint> server)
    {
        ArgumentNullException.ThrowIfNull(server);
        return AddForward("forward", server);
    }

    /// <summary>Passes the connection on to a Unix socket of the host.</summary>
    public ParentPort ForwardToUnixSocket(string path)
    {
        ArgumentException.ThrowIfNullOrEmpty(path);
        return Forward(new UnixDomainSocketEndPoint(path));
    }

    /// <summary>Waits before the next step; in virtual time, for a time of the enclave's.</summary>
    public ParentPort Delay(TimeSpan time)
    {
        _parent.Check(time >= TimeSpan.Zero, $"Port {Number} cannot wait {time}.");
        return Add($"wait {Text.Duration(time)}", false, (peer, token) => peer.DelayAsync(time, token));
    }

    /// <summary>Does nothing any more, without closing.</summary>
    public ParentPort Hang() => Add("hang", false, (peer, token) => peer.HangAsync(token));

    /// <summary>Sends no more from here on; reading goes on (half-close).</summary>
    public ParentPort CompleteSending() => Add("half-close", false, (peer, _) =>
    {
        peer.CompleteWriting();
        return Task.CompletedTask;
    });

    /// <summary>Resets the connection (RST).</summary>
    public ParentPort Reset() => Add("reset", false, (peer, _) =>
    {
        peer.Abort();
        return Task.CompletedTask;
    });

    /// <summary>From here on sends so many bytes at a time, with pauses between.</summary>
    public ParentPort SlowDown(int bytes, TimeSpan pause)
    {
        _parent.Check(bytes >= 1 && pause >= TimeSpan.Zero, $"Port {Number} cannot send {bytes} bytes at a time, with pauses of {pause}.");
        return Fault($"send {bytes} bytes at a time", faults => faults with { PieceSize = bytes, Pause = pause });
    }

    /// <summary>Flips the lowest bit of one byte of what is sent.</summary>
    /// <param name="offset">Which byte of all that this connection sends, from 0.</param>
    public ParentPort CorruptByte(long offset)
    {
        _parent.Check(offset >= 0, $"Port {Number} sends no byte {offset} that could be corrupted.");
        return Fault($"corrupt byte {offset}", faults => faults with { CorruptAt = offset });
    }

    /// <summary>Resets the connection when so many bytes were sent.</summary>
    public ParentPort ResetAfter(long bytes)
    {
        _parent.Check(bytes >= 0, $"Port {Number} cannot be reset after {bytes} bytes.");
        return Fault($"reset after {bytes} bytes", faults => faults with { ResetAfter = bytes });
    }

    /// <summary>Stops sending, with an orderly close, when so many bytes were sent.</summary>
    public ParentPort CloseAfter(long bytes)
    {
        _parent.Check(bytes >= 0, $"Port {Number} cannot be closed after {bytes} bytes.");
        return Fault($"close after {bytes} bytes", faults => faults with { CloseAfter = bytes });
    }

    /// <summary>Gives the enclave only so much credit: with no step that reads, its sending stalls.</summary>
    public ParentPort LimitCredit(int bytes)
    {
        _parent.Check(bytes >= 1, $"Port {Number} cannot give the enclave credit for {bytes} bytes: at least 1.");
        ReceiveWindow = bytes;
        return this;
    }

    /// <summary>Refuses every connection, and records it.</summary>
    public ParentPort Refuse()
    {
        Refuses = true;
        return this;
    }

    /// <summary>Neither accepts nor refuses: the enclave's connect runs into its own timeout.</summary>
    public ParentPort NeverAnswer()
    {
        NeverAnswers = true;
        return this;
    }

    /// <summary>Begins the script again after its last step, until the enclave closes.</summary>
    public ParentPort Repeat()
    {
        Repeats = true;
        return this;
    }

    /// <summary>Says how many connections there must have been when the parent is verified.</summary>
    public ParentPort Times(int connections)
    {
        _parent.Check(connections >= 0, $"Port {Number} cannot have {connections} connections.");
        ExpectedConnections = connections;
        return this;
    }

    private ParentPort Fault(string description, Func<WriteFaults, WriteFaults> change) => Add(description, false, (peer, _) =>
    {
        peer.Faults = change(peer.Faults);
        return Task.CompletedTask;
    });

    private ParentPort Forward(EndPoint target)
    {
        _targets.Add(target);
        return AddForward($"forward to {ForwardAllowList.Describe(target)}", () => target);
    }

    // Nothing is as it should be before the host's side stands.
    private ParentPort AddForward(string description, Func<EndPoint> target)
    {
        _steps.Add(new ParentStep(description, IsExpectation: false, async (peer, standing, token) => await ParentForward.RunAsync(peer, target(), standing, token).ConfigureAwait(false)) { IsConnection = true });
        return this;
    }

    private ParentPort Add(string description, bool isExpectation, Func<ParentPeer, CancellationToken, Task> run)
    {
        _steps.Add(new ParentStep(description, isExpectation, (peer, _, token) => run(peer, token)));
        return this;
    }
}
