using System.Buffers.Text;
using System.Text;

namespace EnclaveTesting;

/// <summary>Follows the bytes of an HTTP/1.1 request (RFC 9112) to its end.</summary>
internal sealed class HttpRequestEnd
{
    private const int LongestHead = 256 * 1024;

    private enum Part
    {
        Head,
        Body,
        ChunkSize,
        Chunk,
        Trailer,
        Over,

        /// <summary>Where such a request ends nobody can say.</summary>
        Unknown,
    }

    private readonly List<byte> _line = [];
    private Part _part;
    private long _left;
    private int _headLength;
    private bool _isBegun, _isChunked;

    /// <summary>Whether the request is whole.</summary>
    public bool IsReached => _part == Part.Over;

    /// <summary>More of the request.</summary>
    public void Follow(ReadOnlySpan<byte> bytes)
    {
        while (!bytes.IsEmpty && _part is not (Part.Over or Part.Unknown))
        {
            if (_part is Part.Body or Part.Chunk)
            {
                int count = (int)Math.Min(bytes.Length, _left);
                bytes = bytes[count..];
                _left -= count;
                if (_left == 0)
                    _part = _part == Part.Body ? Part.Over : Part.ChunkSize;
                continue;
            }

            int end = bytes.IndexOf((byte)'\n');
            ReadOnlySpan<byte> piece = end < 0 ? bytes : bytes[..(end + 1)];
            bytes = bytes[piece.Length..];
            _headLength += piece.Length;
            if (_headLength > LongestHead)
                _part = Part.Unknown;
            _line.AddRange(piece);
            if (end >= 0 && _part != Part.Unknown)
            {
                EndLine(Encoding.Latin1.GetString([.. _line]).TrimEnd('\r', '\n'));
                _line.Clear();
            }
        }
    }

    private void EndLine(string line)
    {
        switch (_part)
        {
            case Part.Head when line.Length == 0:
                _part = _isChunked ? Part.ChunkSize : _left > 0 ? Part.Body : Part.Over;
                break;
            case Part.Head:
                Header(line);
                break;
            case Part.ChunkSize:
                _headLength = 0;
                if (!Utf8Parser.TryParse(Encoding.Latin1.GetBytes(line), out long size, out _, 'x') || size < 0)
                    _part = Part.Unknown;
                else if (size == 0)
                    _part = Part.Trailer;
                else
                    (_part, _left) = (Part.Chunk, size + 2); // and the line end behind it
                break;
            case Part.Trailer when line.Length == 0:
                _part = Part.Over;
                break;
        }
    }

    private void Header(string line)
    {
        if (!_isBegun)
        {
            // The request line: not that of another protocol, and nothing that turns the connection into one.
            _isBegun = true;
            if (!line.EndsWith(" HTTP/1.1", StringComparison.Ordinal) || line.StartsWith("CONNECT ", StringComparison.Ordinal))
                _part = Part.Unknown;
            return;
        }

        int colon = line.IndexOf(':');
        if (colon < 0)
        {
            _part = Part.Unknown;
            return;
        }

        string name = line[..colon];
        string value = line[(colon + 1)..].Trim();
        if (name.Equals("Content-Length", StringComparison.OrdinalIgnoreCase))
        {
            if (!long.TryParse(value, System.Globalization.NumberStyles.None, System.Globalization.CultureInfo.InvariantCulture, out _left))
                _part = Part.Unknown;
        }
        else if (name.Equals("Transfer-Encoding", StringComparison.OrdinalIgnoreCase))
        {
            _isChunked = value.Equals("chunked", StringComparison.OrdinalIgnoreCase);
            if (!_isChunked)
                _part = Part.Unknown;
        }
        else if (name.Equals("Upgrade", StringComparison.OrdinalIgnoreCase))
        {
            _part = Part.Unknown;
        }
    }
}
