using System.Numerics;
using System.Security.Cryptography;

namespace EnclaveTesting.Engine.Devices.Nsm;

/// <summary>ECDSA with P-384 and SHA-384 whose signatures follow from key and message (RFC 6979). Not in constant time: for test keys only.</summary>
internal static class DeterministicEcdsa
{
    public const int SignatureSize = 2 * P384.Size;

    /// <summary>Signs data.</summary>
    /// <param name="key">The private key, 1 to the curve's order - 1.</param>
    /// <param name="data">What is signed.</param>
    /// <returns>r and s, 48 bytes each, the most significant byte first.</returns>
    public static byte[] Sign(BigInteger key, ReadOnlySpan<byte> data)
    {
        Span<byte> hash = stackalloc byte[SHA384.HashSizeInBytes];
        SHA384.HashData(data, hash);
        BigInteger digest = P384.Read(hash);
        var nonces = new Nonces(key, digest % P384.Order);
        while (true)
        {
            BigInteger nonce = nonces.Next();
            BigInteger r = P384.MultiplyBase(nonce).X % P384.Order;
            BigInteger s = BigInteger.ModPow(nonce, P384.Order - 2, P384.Order) * (digest + r * key) % P384.Order;
            if (r.IsZero || s.IsZero)
                continue;
            byte[] signature = new byte[SignatureSize];
            P384.Write(r, signature);
            P384.Write(s, signature.AsSpan(P384.Size));
            return signature;
        }
    }

    /// <summary>The numbers k of RFC 6979 §3.2, made by HMAC_DRBG.</summary>
    private sealed class Nonces
    {
        private const int Size = SHA384.HashSizeInBytes;

        private readonly byte[] _key = new byte[Size];
        private readonly byte[] _value = new byte[Size];
        private bool _isUsed;

        public Nonces(BigInteger key, BigInteger digest)
        {
            byte[] input = new byte[2 * P384.Size];
            P384.Write(key, input);
            P384.Write(digest, input.AsSpan(P384.Size));
            _value.AsSpan().Fill(1);
            Update(0, input);
            Update(1, input);
        }

        public BigInteger Next()
        {
            while (true)
            {
                if (_isUsed)
                    Update(0, []);
                HMACSHA384.HashData(_key, _value, _value);
                _isUsed = true;
                BigInteger candidate = P384.Read(_value);
                if (!candidate.IsZero && candidate < P384.Order)
                    return candidate;
            }
        }

        private void Update(byte separator, ReadOnlySpan<byte> input)
        {
            HMACSHA384.HashData(_key, [.. _value, separator, .. input], _key);
            HMACSHA384.HashData(_key, _value, _value);
        }
    }
}
