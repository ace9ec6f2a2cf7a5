using System.Text.Json;
using EnclaveTesting.Guest.Answer;

// The .NET userland: one JSON object per line on port 5001, one in reply. Connections are served side by side.
const uint parent = 3, readyPort = 9001, port = 5001;
var options = new JsonSerializerOptions(JsonSerializerDefaults.Web);
using VsockListener listener = new(port);
using (StreamWriter ready = new(Vsock.Connect(parent, readyPort)))
    await ready.WriteAsync("ready\n");
while (true)
{
    FileStream connection = listener.Accept();
    _ = Task.Run(() => ServeAsync(connection));
}

async Task ServeAsync(FileStream connection)
{
    await using (connection)
    {
        using StreamReader reader = new(connection, leaveOpen: true);
        await using StreamWriter writer = new(connection, leaveOpen: true) { AutoFlush = true };
        while (await reader.ReadLineAsync() is { } line)
        {
            Request request = JsonSerializer.Deserialize<Request>(line, options)!;
            await writer.WriteLineAsync(JsonSerializer.Serialize(Reply.To(request), options));
        }
    }
}
