using System.Buffers;

namespace EnclaveTesting;

/// <summary>A codec of a framing and a serialization.</summary>
internal sealed class FramedCodec(Framing framing, Serialization serialization) : Codec
{
    /// <inheritdoc/>
    public override void Encode<T>(T message, IBufferWriter<byte> output) => framing.Write(serialization.Serialize(message), output);

    /// <inheritdoc/>
    public override bool TryDecode<T>(ref ReadOnlySequence<byte> received, out T message)
    {
        message = default!;
        if (!framing.TryRead(ref received, out byte[] bytes))
            return false;
        message = serialization.Deserialize<T>(bytes);
        return true;
    }
}
