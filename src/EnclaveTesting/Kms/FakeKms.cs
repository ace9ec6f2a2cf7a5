using System.Net.Security;
using System.Security.Authentication;
using EnclaveTesting.Attestation;

namespace EnclaveTesting.Kms;

/// <summary>
/// A key management service for enclaves under test. It speaks AWS KMS's protocol (JSON over HTTP/1.1, the operation in
/// X-Amz-Target) for Encrypt, Decrypt, GenerateDataKey, GenerateDataKeyWithoutPlaintext and GenerateRandom, with Recipient and
/// CiphertextForRecipient. Give <see cref="HandleAsync(Stream, CancellationToken)"/> the connections of the port where a real enclave finds vsock-proxy,
/// usually 8000. Signatures of requests (SigV4) are not looked at. Thread-safe.
/// </summary>
public sealed class FakeKms
{
    private const int MaxBodySize = 1024 * 1024;

    private readonly Lock _lock = new();
    private readonly List<KmsKey> _keys = [];
    private readonly List<KmsRequest> _requests = [];
    private readonly FakeKmsOptions _options;
    private readonly KmsOperations _operations;

    /// <summary>A service without keys.</summary>
    public FakeKms(FakeKmsOptions? options = null)
    {
        _options = options ?? new FakeKmsOptions();
        _operations = new KmsOperations(_options, FindKey);
    }

    /// <summary>What was asked so far, in order.</summary>
    public IReadOnlyList<KmsRequest> Requests
    {
        get
        {
            lock (_lock)
                return [.. _requests];
        }
    }

    /// <summary>Adds a key.</summary>
    /// <returns>The key's ARN.</returns>
    /// <exception cref="ArgumentException">Its id, alias or material is malformed or there is such a key already.</exception>
    public string AddKey(KmsKey key)
    {
        ArgumentNullException.ThrowIfNull(key);
        if (key.KeyId is not { Length: > 0 and <= 64 } || key.Material.Length != KmsKey.MaterialSize)
            throw new ArgumentException($"A key has an id of 1 to 64 characters and {KmsKey.MaterialSize} bytes.", nameof(key));
        lock (_lock)
        {
            if (_keys.Any(it => it.KeyId == key.KeyId || (key.Alias is not null && it.Alias == key.Alias)))
                throw new ArgumentException($"There is a key {key} already.", nameof(key));
            _keys.Add(key);
        }

        return _operations.Arn(key);
    }

    /// <summary>Encrypts what an enclave will be given to decrypt.</summary>
    /// <param name="keyId">The key's id, ARN or alias.</param>
    /// <param name="plaintext">1 to 4096 bytes.</param>
    /// <param name="encryptionContext">Names and values that the enclave has to give again.</param>
    /// <returns>The CiphertextBlob.</returns>
    /// <exception cref="ArgumentException">There is no such key, or the plaintext is empty or too long.</exception>
    public byte[] Encrypt(string keyId, ReadOnlySpan<byte> plaintext, IReadOnlyDictionary<string, string>? encryptionContext = null)
    {
        ArgumentNullException.ThrowIfNull(keyId);
        if (plaintext.Length is 0 or > KmsOperations.MaxPlaintextSize)
            throw new ArgumentException($"A plaintext has 1 to {KmsOperations.MaxPlaintextSize} bytes, not {plaintext.Length}.", nameof(plaintext));
        var key = FindKey(keyId) ?? throw new ArgumentException($"There is no key {keyId}.", nameof(keyId));
        return KmsCiphertext.Encrypt(key, plaintext, encryptionContext ?? new Dictionary<string, string>());
    }

    /// <summary>Serves one connection until the peer closes it.</summary>
    /// <param name="connection">Any stream, such as a vsock connection of an enclave; the caller disposes it.</param>
    /// <param name="cancellationToken">Ends it at once.</param>
    /// <exception cref="OperationCanceledException">It was cancelled.</exception>
    public Task HandleAsync(Stream connection, CancellationToken cancellationToken = default)
    {
        ArgumentNullException.ThrowIfNull(connection);
        return HandleAsync(connection, TimeProvider.System, cancellationToken);
    }

    /// <summary>Serves one connection; documents are judged by a clock, unless the policy has one of its own.</summary>
    internal async Task HandleAsync(Stream connection, TimeProvider time, CancellationToken cancellationToken)
    {
        try
        {
            if (_options.ServerCertificate is not { } certificate)
            {
                await ServeAsync(connection, time, cancellationToken).ConfigureAwait(false);
                return;
            }

            var tls = new SslStream(connection, leaveInnerStreamOpen: true);
            await using (tls.ConfigureAwait(false))
            {
                await tls.AuthenticateAsServerAsync(new SslServerAuthenticationOptions { ServerCertificate = certificate }, cancellationToken).ConfigureAwait(false);
                await ServeAsync(tls, time, cancellationToken).ConfigureAwait(false);
                await tls.ShutdownAsync().ConfigureAwait(false);
            }
        }
        catch (Exception exception) when (exception is IOException or AuthenticationException)
        {
            // The peer went away or does not trust the certificate: its business, and its test sees it.
        }
    }

    private Task ServeAsync(Stream stream, TimeProvider time, CancellationToken cancellationToken) =>
        ParentHttpServer.ServeAllAsync(stream, MaxBodySize, (request, _) => Task.FromResult(Answer(request, time)), cancellationToken);

    private ParentHttpResponse Answer(ParentHttpRequest request, TimeProvider time)
    {
        string target = request.Headers.GetValueOrDefault("X-Amz-Target", "");
        var context = new KmsCall(target[(target.LastIndexOf('.') + 1)..], time);
        KmsReply reply;
        try
        {
            if (request.Problem is { } problem)
                throw new KmsException(KmsException.Serialization, problem);
            if (request.Method != "POST")
                throw new KmsException(KmsException.Serialization, "Only POST is answered here.");
            reply = KmsReply.Success(_operations.Run(context, KmsParameters.Parse(request.Body)));
        }
        catch (KmsException exception)
        {
            context.Error = exception.Type;
            context.Message = exception.Message;
            reply = KmsReply.Failure(exception);
        }

        lock (_lock)
            _requests.Add(new KmsRequest(context.Operation, context.KeyId, context.Attestation, context.Error, context.Message));
        return new ParentHttpResponse(reply.Status, reply.Body, "application/x-amz-json-1.1")
        {
            Headers = new Dictionary<string, string> { ["x-amzn-RequestId"] = Guid.NewGuid().ToString() },
        };
    }

    private KmsKey? FindKey(string name)
    {
        lock (_lock)
            return _keys.FirstOrDefault(key => name == key.KeyId || name == _operations.Arn(key)
                || (key.Alias is not null && (name == $"alias/{key.Alias}" || name == _operations.AliasArn(key.Alias))));
    }
}
