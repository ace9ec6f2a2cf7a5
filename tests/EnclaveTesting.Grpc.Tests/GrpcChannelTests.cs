using EnclaveTesting.Engine.Eif;
using EnclaveTesting.Engine.Images;
using Grpc.Core;
using Grpc.Net.Client;

namespace EnclaveTesting.Grpc.Tests;

/// <summary>Calls to guest/grpc's server in a Linux enclave.</summary>
public sealed class GrpcChannelTests : IAsyncLifetime
{
    private const uint Port = 50051;

    private readonly Enclave _enclave = new EnclaveBuilder()
        .WithName("grpc")
        .WithImage(Image())
        .WithStartupTimeout(TimeSpan.FromMinutes(5))
        .WaitFor(Wait.ForHeartbeat().And(Wait.ForConsole("grpc: listening")))
        .Build();

    public Task InitializeAsync() => _enclave.StartAsync();

    public async Task DisposeAsync() => await _enclave.DisposeAsync();

    [Fact]
    public async Task Calls_are_answered_one_by_one_together_and_as_streams()
    {
        using GrpcChannel channel = _enclave.CreateGrpcChannel(Port);
        var client = new Echo.EchoClient(channel);

        (await client.SayAsync(new Message { Text = "hello" })).Text.Should().Be("hello");

        Message[] replies = await Task.WhenAll(Enumerable.Range(0, 20).Select(i => client.SayAsync(new Message { Text = $"call {i}" }).ResponseAsync));
        replies.Select(reply => reply.Text).Should().Equal(Enumerable.Range(0, 20).Select(i => $"call {i}"));

        using AsyncServerStreamingCall<Message> stream = client.Repeat(new Message { Text = "again", Count = 5 });
        var received = new List<string>();
        await foreach (Message message in stream.ResponseStream.ReadAllAsync())
            received.Add(message.Text);
        received.Should().Equal(Enumerable.Repeat("again", 5));

        string large = new('x', 200_000);
        (await client.SayAsync(new Message { Text = large })).Text.Should().Be(large);
    }

    [Fact]
    public async Task A_method_that_is_not_there_has_its_status()
    {
        using GrpcChannel channel = _enclave.CreateGrpcChannel(Port);
        var missing = new Method<Message, Message>(MethodType.Unary, "enclave.Echo", "Missing",
            Marshallers.Create(Google.Protobuf.MessageExtensions.ToByteArray, Message.Parser.ParseFrom),
            Marshallers.Create(Google.Protobuf.MessageExtensions.ToByteArray, Message.Parser.ParseFrom));

        using AsyncUnaryCall<Message> call = channel.CreateCallInvoker().AsyncUnaryCall(missing, null, default, new Message());

        (await FluentActions.Awaiting(() => call.ResponseAsync).Should().ThrowAsync<RpcException>()).Which.StatusCode.Should().Be(StatusCode.Unimplemented);
    }

    private static EifBuilder Image() => new EifBuilder()
        .WithKernel(GuestKit.Kernel)
        .WithDefaultMemory(128 << 20)
        .WithDefaultCpus(1)
        .AddRamdisk(NitroRamdisks.CreateBoot(GuestKit.Init).Build())
        .AddRamdisk(NitroRamdisks.CreateApplication(["/grpc-echo", "50051"], [])
            .AddHostFile("rootfs/grpc-echo", Path.Combine(AppContext.BaseDirectory, "guests", "grpc-echo"), UnixFileMode.UserRead | UnixFileMode.UserExecute).Build());
}
