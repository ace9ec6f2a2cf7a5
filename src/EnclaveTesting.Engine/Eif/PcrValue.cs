using System.Diagnostics.CodeAnalysis;
using System.Runtime.CompilerServices;
using System.Runtime.InteropServices;
using System.Security.Cryptography;

namespace EnclaveTesting.Engine.Eif;

/// <summary>The value of one platform configuration register: a SHA-384 digest, 48 bytes. The default value is all zeroes.</summary>
public readonly struct PcrValue : IEquatable<PcrValue>
{
    /// <summary>Size in bytes.</summary>
    internal const int Size = SHA384.HashSizeInBytes;

    private readonly Digest _digest;

    /// <summary>Copies a value from exactly <see cref="Size"/> bytes.</summary>
    /// <exception cref="ArgumentException"><paramref name="bytes"/> is not 48 bytes long.</exception>
    public PcrValue(ReadOnlySpan<byte> bytes)
    {
        if (bytes.Length != Size)
            throw new ArgumentException($"A PCR value has {Size} bytes, not {bytes.Length}.", nameof(bytes));
        bytes.CopyTo(_digest);
    }

    /// <summary>True if every byte is zero: a register that was never extended, or one of a debug-mode enclave.</summary>
    public bool IsZero => !AsSpan().ContainsAnyExcept((byte)0);

    /// <summary>Measures data as the Nitro hypervisor does for PCR0, 1, 2 and 8: SHA384(48 zero bytes ‖ SHA384(data)).</summary>
    public static PcrValue Measure(ReadOnlySpan<byte> data)
    {
        Span<byte> inner = stackalloc byte[Size];
        SHA384.HashData(data, inner);
        return default(PcrValue).Extend(inner);
    }

    /// <summary>Reads 96 hexadecimal digits of either case.</summary>
    /// <exception cref="FormatException"><paramref name="hex"/> is anything else.</exception>
    public static PcrValue Parse(string hex)
    {
        ArgumentNullException.ThrowIfNull(hex);
        if (hex.Length != 2 * Size)
            throw new FormatException($"A PCR value has {2 * Size} hexadecimal digits, not {hex.Length} characters.");
        return new PcrValue(Convert.FromHexString(hex));
    }

    /// <summary>The value after extending this register: SHA384(this ‖ data).</summary>
    public PcrValue Extend(ReadOnlySpan<byte> data)
    {
        using var hash = IncrementalHash.CreateHash(HashAlgorithmName.SHA384);
        hash.AppendData(AsSpan());
        hash.AppendData(data);
        Span<byte> result = stackalloc byte[Size];
        hash.GetHashAndReset(result);
        return new PcrValue(result);
    }

    /// <summary>Copies the 48 bytes.</summary>
    public byte[] ToArray() => AsSpan().ToArray();

    /// <summary>Copies the 48 bytes to the start of <paramref name="destination"/>.</summary>
    /// <exception cref="ArgumentException"><paramref name="destination"/> is shorter than 48 bytes.</exception>
    internal void CopyTo(Span<byte> destination) => AsSpan().CopyTo(destination);

    /// <inheritdoc/>
    public bool Equals(PcrValue other) => AsSpan().SequenceEqual(other.AsSpan());

    /// <inheritdoc/>
    public override bool Equals(object? obj) => obj is PcrValue other && Equals(other);

    /// <inheritdoc/>
    public override int GetHashCode() => MemoryMarshal.Read<int>(AsSpan());

    /// <summary>96 lower-case hexadecimal digits.</summary>
    public override string ToString() => Convert.ToHexStringLower(AsSpan());

    /// <summary>Compares the bytes.</summary>
    public static bool operator ==(PcrValue left, PcrValue right) => left.Equals(right);

    /// <summary>Compares the bytes.</summary>
    public static bool operator !=(PcrValue left, PcrValue right) => !left.Equals(right);

    [UnscopedRef]
    private ReadOnlySpan<byte> AsSpan() => _digest;

    [InlineArray(Size)]
    private struct Digest
    {
        private byte _first;
    }
}
