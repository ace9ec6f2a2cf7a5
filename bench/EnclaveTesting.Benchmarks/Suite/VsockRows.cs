using System.Diagnostics;
using System.Globalization;
using System.Net.Sockets;
using System.Text;
using EnclaveTesting.Engine.Accelerators;

namespace EnclaveTesting.Benchmarks.Suite;

/// <summary>Streams into and out of enclaves, beside socat over Unix sockets, which no virtual device can be faster than.</summary>
internal static class VsockRows
{
    private const string Area = "vsock";
    private const string Peer = "socat, Unix sockets";
    private const int Chunk = 64 * 1024;

    public static async Task RunAsync(SuiteContext context, List<Row> rows)
    {
        Numbers? floor = await SocatAsync(context);
        if (context.HasKvm)
            await MeasureAsync(context, rows, "KVM", context.Hello, Accelerator.Kvm, 8, sink: 5002, source: 5003, floor);
        await MeasureAsync(context, rows, "Linux, software CPU", context.Kit.Path, Accelerator.Software, LinuxImages.MemoryMiB, sink: 5004, source: 5005, floor);
    }

    private static async Task MeasureAsync(SuiteContext context, List<Row> rows, string what, string image, Accelerator accelerator, long memory, uint sink, uint source, Numbers? floor)
    {
        await using Enclave enclave = context.Builder(image, accelerator, memory).Build();
        await enclave.StartAsync();
        long bytes = context.Runs(64, 8) << 20;
        double roundTrip;
        await using (Stream echo = await enclave.ConnectStreamAsync(5000))
            roundTrip = await RoundTripAsync(echo, context.Runs(3000, 300));
        rows.Add(new Row(Area, $"{what}: round trip of a byte", "µs", Better.Less, roundTrip, Peer, floor?.RoundTrip));

        long start = Stopwatch.GetTimestamp();
        await using (var stream = await enclave.ConnectStreamAsync(sink))
        {
            byte[] chunk = new byte[Chunk];
            for (long sent = 0; sent < bytes; sent += chunk.Length)
                await stream.WriteAsync(chunk);
            stream.CompleteWriting();
            await stream.ReadExactlyAsync(new byte[1]); // it has taken everything
        }

        rows.Add(new Row(Area, $"{what}: into the enclave", "MB/s", Better.More, Rate(bytes, start), Peer, floor?.Throughput));
        start = Stopwatch.GetTimestamp();
        await using (Stream stream = await enclave.ConnectStreamAsync(source))
        {
            await stream.WriteAsync(Encoding.ASCII.GetBytes(string.Create(CultureInfo.InvariantCulture, $"{bytes}\n")));
            await DrainAsync(stream);
        }

        rows.Add(new Row(Area, $"{what}: out of the enclave", "MB/s", Better.More, Rate(bytes, start), Peer, floor?.Throughput));
        int connections = context.Runs(500, 50);
        start = Stopwatch.GetTimestamp();
        for (int i = 0; i < connections; i++)
        {
            await using Stream stream = await enclave.ConnectStreamAsync(5000);
            await stream.WriteAsync(new byte[1]);
            await stream.ReadExactlyAsync(new byte[1]);
        }

        rows.Add(new Row(Area, $"{what}: connections, each with a byte there and back", "1/s", Better.More, connections / Stopwatch.GetElapsedTime(start).TotalSeconds, Peer, floor?.Connections));
        await ConsoleAsync(context, rows, what, enclave);
    }

    private static async Task ConsoleAsync(SuiteContext context, List<Row> rows, string what, Enclave enclave)
    {
        const int length = 200; // a command may have 255 bytes
        int lines = context.Runs(1000, 50);
        string command = "console " + new string('x', length);
        EnclaveClient<string, string> client = enclave.Client<string, string>(5001, Codec.Lines);
        await client.SendAsync(command);
        long start = Stopwatch.GetTimestamp();
        for (int i = 0; i < lines; i++)
            await client.SendAsync(command);
        rows.Add(new Row("console", $"{what}: lines of {length} bytes, each asked for over vsock", "kB/s", Better.More, Rate((long)lines * length, start) * 1000));
    }

    private static async Task<Numbers?> SocatAsync(SuiteContext context)
    {
        if (Tool.FirstLine("socat", "-V") is null)
            return null;
        string socket = Path.Combine(context.Directory, "echo"), drain = Path.Combine(context.Directory, "drain");
        using Process echo = Tool.Start("socat", $"UNIX-LISTEN:{socket},fork,backlog=64", "PIPE");
        using Process sink = Tool.Start("socat", "-u", "-b65536", $"UNIX-LISTEN:{drain},fork", "OPEN:/dev/null");
        try
        {
            double roundTrip;
            using (NetworkStream stream = await ConnectAsync(socket))
                roundTrip = await RoundTripAsync(stream, context.Runs(5000, 1000));
            long bytes = context.Runs(1024, 256) << 20;
            long start;
            using (NetworkStream stream = await ConnectAsync(drain))
            {
                byte[] chunk = new byte[Chunk];
                start = Stopwatch.GetTimestamp();
                for (long sent = 0; sent < bytes; sent += chunk.Length)
                    await stream.WriteAsync(chunk);
            }

            double throughput = Rate(bytes, start);
            int connections = context.Runs(200, 50);
            start = Stopwatch.GetTimestamp();
            for (int i = 0; i < connections; i++)
            {
                using NetworkStream stream = await ConnectAsync(socket);
                await stream.WriteAsync(new byte[1]);
                await stream.ReadExactlyAsync(new byte[1]);
            }

            return new Numbers(roundTrip, throughput, connections / Stopwatch.GetElapsedTime(start).TotalSeconds);
        }
        finally
        {
            echo.Kill(entireProcessTree: true);
            sink.Kill(entireProcessTree: true);
        }
    }

    private static async Task<NetworkStream> ConnectAsync(string path)
    {
        // socat has to come up first.
        for (int attempt = 0; ; attempt++)
        {
            var socket = new Socket(AddressFamily.Unix, SocketType.Stream, ProtocolType.Unspecified);
            try
            {
                await socket.ConnectAsync(new UnixDomainSocketEndPoint(path));
                return new NetworkStream(socket, ownsSocket: true);
            }
            catch (SocketException) when (attempt < 500)
            {
                socket.Dispose();
                await Task.Delay(10);
            }
        }
    }

    private static async Task<double> RoundTripAsync(Stream stream, int runs)
    {
        byte[] buffer = new byte[1];
        var sample = new Sample();
        for (int i = -20; i < runs; i++)
        {
            long start = Stopwatch.GetTimestamp();
            await stream.WriteAsync(buffer);
            await stream.ReadExactlyAsync(buffer);
            if (i >= 0)
                sample.Add(Stopwatch.GetElapsedTime(start).TotalMicroseconds);
        }

        return sample.Median;
    }

    private static async Task DrainAsync(Stream stream)
    {
        byte[] chunk = new byte[Chunk];
        while (await stream.ReadAsync(chunk) > 0)
        {
        }
    }

    private static double Rate(long bytes, long start) => bytes / 1e6 / Stopwatch.GetElapsedTime(start).TotalSeconds;

    private sealed record Numbers(double RoundTrip, double Throughput, double Connections);
}
