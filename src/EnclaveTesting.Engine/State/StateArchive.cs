using System.Buffers;
using System.Buffers.Binary;
using System.Runtime.CompilerServices;
using System.Runtime.InteropServices;
using System.Text;

namespace EnclaveTesting.Engine.State;

/// <summary>
/// Moves the fields of state records to bytes or back, one after the other, little-endian. The same code does both, so that they cannot differ:
/// every method takes the present value and gives the one to go on with, which is the same where it was written and the saved one where it was read.
/// What is read is taken as hostile.
/// </summary>
internal sealed class StateArchive
{
    private const int LongestSectionName = 64;

    private readonly ArrayBufferWriter<byte>? _writer;
    private readonly string _source;
    private readonly long _start;
    private readonly ReadOnlyMemory<byte> _bytes;
    private int _position, _end;

    private StateArchive(ArrayBufferWriter<byte>? writer, string source, long start, ReadOnlyMemory<byte> bytes)
    {
        _writer = writer;
        _source = source;
        _start = start;
        _bytes = bytes;
        _end = bytes.Length;
    }

    /// <summary>Whether the values come from the archive.</summary>
    public bool IsReading => _writer is null;

    /// <summary>What was written.</summary>
    public ReadOnlyMemory<byte> Written => _writer?.WrittenMemory ?? throw new InvalidOperationException("The archive is read.");

    /// <summary>An archive to write to.</summary>
    public static StateArchive ToWrite() => new(new ArrayBufferWriter<byte>(16 * 1024), "", 0, default);

    /// <summary>An archive to read.</summary>
    /// <param name="source">Path of its file, for messages.</param>
    /// <param name="start">Where it begins there.</param>
    /// <param name="bytes">The archive.</param>
    public static StateArchive ToRead(string source, long start, ReadOnlyMemory<byte> bytes) => new(null, source, start, bytes);

    /// <summary>A number.</summary>
    public T Value<T>(T value)
        where T : unmanaged
    {
        Raw(MemoryMarshal.AsBytes(new Span<T>(ref value)));
        return value;
    }

    /// <summary>A number that has limits.</summary>
    public T Within<T>(T value, T smallest, T largest, [CallerArgumentExpression(nameof(value))] string name = "")
        where T : unmanaged, IComparable<T>
    {
        value = Value(value);
        Require(value.CompareTo(smallest) >= 0 && value.CompareTo(largest) <= 0, $"{name} of {smallest} to {largest}", $"{value}");
        return value;
    }

    /// <summary>Yes or no.</summary>
    public bool Flag(bool value, [CallerArgumentExpression(nameof(value))] string name = "") => Within((byte)(value ? 1 : 0), (byte)0, (byte)1, name) != 0;

    /// <summary>Numbers, always as many.</summary>
    public void Fixed<T>(Span<T> values)
        where T : unmanaged => Raw(MemoryMarshal.AsBytes(values));

    /// <summary>Numbers, at most so many.</summary>
    public unsafe T[] Array<T>(T[] value, int most, [CallerArgumentExpression(nameof(value))] string name = "")
        where T : unmanaged
    {
        int length = Within(value.Length, 0, most, $"a length of {name}");
        // Not before it is known that they are there.
        Require(length <= (_end - _position) / sizeof(T), $"{length} items of {name}", $"{_end - _position} bytes");
        T[] items = IsReading ? new T[length] : value;
        Fixed(items.AsSpan());
        return items;
    }

    /// <summary>A text, at most so many bytes of UTF-8.</summary>
    public string Text(string value, int most, [CallerArgumentExpression(nameof(value))] string name = "") =>
        Encoding.UTF8.GetString(Array(IsReading ? [] : Encoding.UTF8.GetBytes(value), most, name));

    /// <summary>Items, at most so many.</summary>
    public List<T> List<T>(IReadOnlyCollection<T> items, int most, Func<T?, T> exchange, [CallerArgumentExpression(nameof(items))] string name = "")
    {
        int count = Within(items.Count, 0, most, $"a number of {name}");
        var result = new List<T>();
        if (IsReading)
        {
            for (int i = 0; i < count; i++)
                result.Add(exchange(default));
        }
        else
        {
            foreach (T item in items)
                result.Add(exchange(item));
        }

        return result;
    }

    /// <summary>A named part, which has to use up what was written for it.</summary>
    public void Section(string name, Action<StateArchive> exchange)
    {
        if (_writer is { } writer)
        {
            Text(name, LongestSectionName);
            int lengthAt = writer.WrittenCount;
            Value(0);
            exchange(this);
            // The length is known now; what was written before stays where it is.
            Span<byte> written = MemoryMarshal.AsMemory(writer.WrittenMemory).Span.Slice(lengthAt, sizeof(int));
            BinaryPrimitives.WriteInt32LittleEndian(written, writer.WrittenCount - lengthAt - sizeof(int));
            return;
        }

        long at = Offset;
        string found = Text("", LongestSectionName, "a section name");
        if (found != name)
            throw new StateFormatException(_source, at, $"the section \"{name}\"", $"\"{found}\"");
        int length = Within(0, 0, int.MaxValue, $"a length of the section \"{name}\"");
        Require(length <= _end - _position, $"{length} bytes of the section \"{name}\"", $"{_end - _position} bytes");
        int outer = _end;
        _end = _position + length;
        exchange(this);
        Require(_position == _end, $"the end of the section \"{name}\"", $"{_end - _position} bytes more");
        _end = outer;
    }

    /// <summary>Checks what was read.</summary>
    /// <exception cref="StateFormatException">It is not so.</exception>
    public void Require(bool condition, string expected, string found)
    {
        if (IsReading && !condition)
            throw new StateFormatException(_source, Offset, expected, found);
    }

    /// <summary>Checks that all has been read.</summary>
    public void RequireEnd() => Require(_position == _end, "the end", $"{_end - _position} bytes more");

    private long Offset => _start + _position;

    private void Raw(Span<byte> bytes)
    {
        if (_writer is { } writer)
        {
            writer.Write(bytes);
            return;
        }

        Require(bytes.Length <= _end - _position, $"{bytes.Length} bytes", $"{_end - _position} bytes");
        _bytes.Span.Slice(_position, bytes.Length).CopyTo(bytes);
        _position += bytes.Length;
    }
}
