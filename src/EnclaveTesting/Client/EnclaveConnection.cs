using System.Text;
using EnclaveTesting.Engine.Devices.Vsock;

namespace EnclaveTesting;

/// <summary>
/// One connection to a port of the enclave, for tests that talk bytes or lines. Every wait has an end; when it is reached, the message
/// says what was sent, what came, and what the console says.
/// </summary>
public sealed class EnclaveConnection : IAsyncDisposable
{
    private readonly Enclave _enclave;
    private readonly LineReader _reader;
    private readonly Transcript _sent = new();

    internal EnclaveConnection(Enclave enclave, VsockStream stream, TimeSpan timeout)
    {
        _enclave = enclave;
        stream.ReadsAreAwaited = true;
        _reader = new LineReader(stream);
        Stream = stream;
        Timeout = timeout;
    }

    /// <summary>The stream below. Bytes that were received here as part of a line's buffer are no longer in it.</summary>
    public VsockStream Stream { get; }

    /// <summary>The enclave's port.</summary>
    public uint Port => Stream.GuestPort;

    /// <summary>How long each operation may take.</summary>
    public TimeSpan Timeout { get; set; }

    /// <summary>Sends bytes.</summary>
    /// <exception cref="EnclaveTimeoutException">The enclave did not take them in time.</exception>
    /// <exception cref="EnclaveExitedException">The enclave ended.</exception>
    /// <exception cref="VsockException">The connection was lost.</exception>
    public Task SendAsync(ReadOnlyMemory<byte> bytes, CancellationToken cancellationToken = default)
    {
        _sent.Add(bytes.Span);
        return RunAsync($"the enclave to take {bytes.Length} bytes", async token =>
        {
            await Stream.WriteAsync(bytes, token).ConfigureAwait(false);
            return true;
        }, cancellationToken);
    }

    /// <summary>Sends text in UTF-8.</summary>
    /// <inheritdoc cref="SendAsync(ReadOnlyMemory{byte}, CancellationToken)"/>
    public Task SendAsync(string text, CancellationToken cancellationToken = default) => SendAsync(Encoding.UTF8.GetBytes(text), cancellationToken);

    /// <summary>Sends text and a line feed.</summary>
    /// <inheritdoc cref="SendAsync(ReadOnlyMemory{byte}, CancellationToken)"/>
    public Task SendLineAsync(string line, CancellationToken cancellationToken = default) => SendAsync(line + "\n", cancellationToken);

    /// <summary>Receives exactly so many bytes.</summary>
    /// <exception cref="EnclaveTimeoutException">They did not come in time.</exception>
    /// <exception cref="EndOfStreamException">The enclave closed before.</exception>
    /// <exception cref="EnclaveExitedException">The enclave ended.</exception>
    /// <exception cref="VsockException">The connection was lost.</exception>
    public Task<byte[]> ReceiveAsync(int count, CancellationToken cancellationToken = default) =>
        RunAsync($"{count} bytes", token => _reader.ReadExactlyAsync(count, token), cancellationToken);

    /// <summary>Receives a line, without its end (LF or CR LF).</summary>
    /// <exception cref="EnclaveTimeoutException">It did not come in time.</exception>
    /// <exception cref="EndOfStreamException">The enclave closed before.</exception>
    /// <exception cref="EnclaveExitedException">The enclave ended.</exception>
    /// <exception cref="VsockException">The connection was lost.</exception>
    public Task<string> ReceiveLineAsync(CancellationToken cancellationToken = default) => RunAsync("a line",
        async token => await _reader.ReadLineAsync(token).ConfigureAwait(false) ?? throw new EndOfStreamException("The enclave closed the connection."), cancellationToken);

    /// <summary>Receives everything until the enclave closes.</summary>
    /// <exception cref="EnclaveTimeoutException">It did not close in time.</exception>
    /// <exception cref="EnclaveExitedException">The enclave ended.</exception>
    /// <exception cref="VsockException">The connection was lost.</exception>
    public Task<byte[]> ReceiveToEndAsync(CancellationToken cancellationToken = default) =>
        RunAsync("the end of the connection", _reader.ReadToEndAsync, cancellationToken);

    /// <summary>Sends a line and receives the line that answers it.</summary>
    /// <inheritdoc cref="ReceiveLineAsync"/>
    public async Task<string> AskAsync(string line, CancellationToken cancellationToken = default)
    {
        await SendLineAsync(line, cancellationToken).ConfigureAwait(false);
        return await ReceiveLineAsync(cancellationToken).ConfigureAwait(false);
    }

    /// <summary>Says that no more will be sent (half-close).</summary>
    public void CompleteSending() => Stream.CompleteWriting();

    /// <summary>Closes the connection; what was sent still goes out.</summary>
    public ValueTask DisposeAsync() => Stream.DisposeAsync();

    private async Task<T> RunAsync<T>(string awaited, Func<CancellationToken, Task<T>> operation, CancellationToken cancellationToken)
    {
        try
        {
            return await Deadline.RunAsync(_enclave, Timeout, () => $"{awaited} on port {Port} (sent so far: {_sent}; received: {_reader.Received})", operation, cancellationToken)
                .ConfigureAwait(false);
        }
        catch (EndOfStreamException exception)
        {
            throw new EndOfStreamException($"The enclave closed port {Port} while {awaited} was awaited (sent so far: {_sent}; received: {_reader.Received}).", exception);
        }
    }
}
