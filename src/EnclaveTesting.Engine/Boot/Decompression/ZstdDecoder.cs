using System.Numerics;
using ZstdSharp.Unsafe;

namespace EnclaveTesting.Engine.Boot.Decompression;

/// <summary>One Zstandard frame (RFC 8878). The library's wrappers go on into whatever follows the frame, hence its inner functions here.</summary>
internal sealed unsafe class ZstdDecoder : Decoder
{
    private ZSTD_DCtx_s* _context;
    private bool _ended;

    public ZstdDecoder(CompressedInput input)
        : base(input)
    {
        // The window is reserved at once, but costs only what is written to it.
        _context = Methods.ZSTD_createDCtx();
        Methods.ZSTD_DCtx_setParameter(_context, ZSTD_dParameter.ZSTD_d_windowLogMax, BitOperations.Log2(MaximumWindow));
    }

    ~ZstdDecoder() => Free();

    public override int Read(Span<byte> destination)
    {
        ObjectDisposedException.ThrowIf(_context is null, this);
        if (_ended || destination.IsEmpty)
            return 0;
        while (true)
        {
            bool more = Input.Fill(1);
            int written = Step(destination);
            if (written > 0 || _ended)
                return written;
            if (!more)
                throw Input.Truncated(1);
        }
    }

    public override void Dispose()
    {
        Free();
        GC.SuppressFinalize(this);
    }

    private int Step(Span<byte> destination)
    {
        fixed (byte* source = Input.Buffer, target = destination)
        {
            var from = new ZSTD_inBuffer_s { src = source, size = (nuint)Input.Buffer.Length };
            var to = new ZSTD_outBuffer_s { dst = target, size = (nuint)destination.Length };
            nuint left = Methods.ZSTD_decompressStream(_context, &to, &from);
            if (Methods.ZSTD_isError(left))
                throw new CompressedDataException(Input.Position, "sound Zstandard data", Methods.ZSTD_getErrorName(left));
            Input.Advance((int)from.pos);
            _ended = left == 0;
            return (int)to.pos;
        }
    }

    private void Free()
    {
        if (_context is not null)
            Methods.ZSTD_freeDCtx(_context);
        _context = null;
    }
}
