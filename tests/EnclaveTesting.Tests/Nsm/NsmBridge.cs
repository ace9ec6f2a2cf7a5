using System.Buffers.Binary;
using EnclaveTesting.Tests.Shared;

namespace EnclaveTesting.Tests.Nsm;

/// <summary>A connection to a guest that passes on requests to its security module as they are (guest/README.md, guest/LINUX.md).</summary>
internal sealed class NsmBridge : IAsyncDisposable
{
    public const int Room = 0x3000;

    private readonly EnclaveConnection _connection;
    private readonly EnclaveConnection? _shaped;

    private NsmBridge(EnclaveConnection connection, EnclaveConnection? shaped)
    {
        _connection = connection;
        _shaped = shaped;
    }

    /// <summary>Connects to port 5003, and for unusual requests to port 5004, which Linux has not.</summary>
    public static async Task<NsmBridge> ConnectAsync(Enclave enclave, bool shaped = false) =>
        new(await enclave.ConnectAsync(5003), shaped ? await enclave.ConnectAsync(5004) : null);

    /// <summary>The response's bytes; none if the device, or its driver, refused.</summary>
    public async Task<byte[]> AskAsync(byte[] request)
    {
        await _connection.SendAsync((byte[])[.. Word(request.Length), .. request]);
        return await AnswerAsync(_connection);
    }

    /// <summary>Sends many requests before it reads the first answer.</summary>
    public async Task<IReadOnlyList<byte[]>> AskAllAsync(IReadOnlyList<byte[]> requests)
    {
        Task sending = _connection.SendAsync(requests.SelectMany(it => (byte[])[.. Word(it.Length), .. it]).ToArray());
        var answers = new List<byte[]>();
        for (int i = 0; i < requests.Count; i++)
            answers.Add(await AnswerAsync(_connection));
        await sending;
        return answers;
    }

    /// <summary>A request in an unusual shape.</summary>
    public async Task<byte[]> AskShapedAsync(byte[] request, NsmShape shape = NsmShape.None, int room = Room, int pieces = 1)
    {
        await _shaped!.SendAsync((byte[])[.. Word(request.Length), .. Word(room), .. Word((int)shape), .. Word(pieces), .. request]);
        return await AnswerAsync(_shaped);
    }

    /// <summary>The response, taken apart; it must be canonical.</summary>
    public async Task<object?> AskAsync(string request, params (string Name, object? Value)[] parameters) =>
        Cbor.Decode(await AskAsync(parameters.Length == 0 && request is "DescribeNSM" or "GetRandom" ? Cbor.Request(request) : Cbor.Request(request, parameters)));

    public async Task<byte[]> AttestAsync(params (string Name, object? Value)[] parameters) =>
        (byte[])Cbor.Member(await AskAsync("Attestation", parameters), "Attestation", "document");

    public async ValueTask DisposeAsync()
    {
        await _connection.DisposeAsync();
        if (_shaped is not null)
            await _shaped.DisposeAsync();
    }

    private static async Task<byte[]> AnswerAsync(EnclaveConnection connection) =>
        await connection.ReceiveAsync(BinaryPrimitives.ReadInt32BigEndian(await connection.ReceiveAsync(sizeof(int))));

    private static byte[] Word(int value)
    {
        byte[] bytes = new byte[sizeof(int)];
        BinaryPrimitives.WriteInt32BigEndian(bytes, value);
        return bytes;
    }
}
