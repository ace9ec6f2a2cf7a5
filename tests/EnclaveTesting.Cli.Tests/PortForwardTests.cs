using System.Net;
using System.Net.Sockets;
using System.Text;
using EnclaveTesting.Engine.Accelerators;
using EnclaveTesting.Engine.Devices.Vsock;
using EnclaveTesting.Engine.Eif;
using EnclaveTesting.Engine.Machine;

namespace EnclaveTesting.Cli.Tests;

/// <summary>What goes through a forwarded port: both halves, data, resets; with the hello guest at one end and a TCP server at the other.</summary>
public sealed class PortForwardTests : IAsyncLifetime
{
    private const uint ParentPort = 8000;
    private static readonly TimeSpan Patience = TimeSpan.FromMinutes(3);

    private readonly MemoryStream _printed = new();
    private readonly ConsoleOutput _console;
    private readonly Socket _server = new(AddressFamily.InterNetwork, SocketType.Stream, ProtocolType.Tcp);
    private readonly List<string> _problems = [];
    private readonly CancellationTokenSource _stop = new();
    private MicroVm _machine = null!;
    private Task _serving = Task.CompletedTask;

    public PortForwardTests() => _console = new ConsoleOutput(_printed, 0, "port 9001 refused");

    public async Task InitializeAsync()
    {
        // A port that nobody else gets; whether somebody listens there is up to each test.
        _server.Bind(new IPEndPoint(IPAddress.Loopback, 0));
        using var image = EifImage.Load(Guest.Image("hello").Build());
        _machine = MicroVm.Create(image, new MicroVmOptions
        {
            Accelerator = Enum.Parse<Accelerator>(Guest.Accelerator, ignoreCase: true),
            ExtraCommandLine = "hello.no_heartbeat",
            Console = _console,
        });
        var forward = new PortForward(ParentPort, "127.0.0.1", ((IPEndPoint)_server.LocalEndPoint!).Port);
        _serving = forward.ServeAsync(_machine.Vsock, _machine.Vsock.Listen(ParentPort, new VsockListenOptions { DeferAccept = true }), _problems.Add, _stop.Token);
        _machine.Start();
        await _console.TextSeen.WaitAsync(Patience);
    }

    public async Task DisposeAsync()
    {
        await _stop.CancelAsync();
        await _serving.WaitAsync(Patience);
        await _machine.DisposeAsync();
        _server.Dispose();
        _console.Dispose();
    }

    [Fact]
    public async Task Each_side_ends_its_own_half()
    {
        _server.Listen();
        Task<string> answer = CommandAsync($"connect {ParentPort}");
        using Socket client = await _server.AcceptAsync().WaitAsync(Patience);
        (await answer).Should().Be("ok");
        await client.SendAsync("from the server\n"u8.ToArray());
        using var reader = new StreamReader(new NetworkStream(client), Encoding.ASCII);
        client.Shutdown(SocketShutdown.Send);
        // The guest prints until its peer has ended, then closes; nothing of what it sent is lost.
        (await reader.ReadToEndAsync().WaitAsync(Patience)).Should().Be("hello from enclave\n");
        (await _machine.StopAsync()).Reason.Should().Be(VmExitReason.Stopped);
        (await _console.CompleteAsync(CancellationToken.None)).Should().BeNull();
        Encoding.ASCII.GetString(_printed.ToArray()).Should().Contain("from the server");
        _problems.Should().BeEmpty();
    }

    [Fact]
    public async Task A_slow_server_gets_everything()
    {
        const int length = 3_000_000;
        _server.Listen();
        Task<string> answer = CommandAsync($"flood {ParentPort} {length}");
        using Socket socket = await _server.AcceptAsync().WaitAsync(Patience);
        byte[] bytes = new byte[10_000];
        int total = 0;
        for (int count; (count = await socket.ReceiveAsync(bytes).WaitAsync(Patience)) > 0;)
        {
            for (int i = 0; i < count; i++, total++)
            {
                if (bytes[i] != (byte)((total * 7) + (total >> 8)))
                    Assert.Fail($"byte {total} is wrong");
            }

            await Task.Yield();
        }

        total.Should().Be(length);
        (await answer).Should().Be("ok");
    }

    [Fact]
    public async Task A_server_that_resets_ends_the_enclaves_connection()
    {
        _server.Listen();
        Task<string> answer = CommandAsync($"flood {ParentPort} 100000000");
        using (Socket socket = await _server.AcceptAsync().WaitAsync(Patience))
        {
            await socket.ReceiveAsync(new byte[1]).WaitAsync(Patience);
            socket.LingerState = new LingerOption(true, 0);
        }

        (await answer).Should().Be("closed");
        (await CommandAsync("ping")).Should().Be("pong");
    }

    [Fact]
    public async Task Nobody_there_refuses_and_is_said()
    {
        (await CommandAsync($"connect {ParentPort}")).Should().Be("refused");
        _problems.Should().ContainSingle().Which.Should().StartWith($"forward {ParentPort}:127.0.0.1:");
    }

    [Fact]
    public async Task The_enclaves_end_ends_the_servers_connection()
    {
        _server.Listen();
        Task<string> answer = CommandAsync($"connect {ParentPort}");
        using Socket socket = await _server.AcceptAsync().WaitAsync(Patience);
        await answer;
        await _machine.StopAsync().WaitAsync(Patience);
        await _serving.WaitAsync(Patience);
        // Whatever the greeting's fate: no orderly end that the enclave never sent.
        await socket.Invoking(async s =>
        {
            while (await s.ReceiveAsync(new byte[100]).WaitAsync(Patience) > 0)
                await Task.Yield();
        }).Should().ThrowAsync<SocketException>();
    }

    [Theory]
    [InlineData("8000:127.0.0.1:4566", 8000u, "127.0.0.1", 4566)]
    [InlineData("1:localhost:65535", 1u, "localhost", 65535)]
    [InlineData("4294967294:[::1]:1", 4294967294u, "::1", 1)]
    public void Places_are_read_and_written(string text, uint parentPort, string host, int port)
    {
        PortForward.TryParse(text).Should().Be(new PortForward(parentPort, host, port));
        PortForward.TryParse(text)!.ToString().Should().Be(text);
    }

    private async Task<string> CommandAsync(string command)
    {
        await using VsockStream stream = await _machine.Vsock.ConnectAsync(5001).WaitAsync(Patience);
        await stream.WriteAsync(Encoding.ASCII.GetBytes(command + "\n"));
        stream.CompleteWriting();
        using var reader = new StreamReader(stream, Encoding.ASCII);
        return (await reader.ReadToEndAsync().WaitAsync(Patience)).TrimEnd('\n');
    }
}
