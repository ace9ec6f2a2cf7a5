using System.Buffers.Binary;
using System.Text;

namespace EnclaveTesting.Engine.Boot;

/// <summary>Writes the byte code of an ACPI definition block: what describes devices (ACPI specification 6.5, chapter 20).</summary>
internal sealed class AmlWriter
{
    private const byte ZeroOp = 0x00, OneOp = 0x01, NameOp = 0x08, BytePrefix = 0x0A, WordPrefix = 0x0B, DWordPrefix = 0x0C;
    private const byte StringPrefix = 0x0D, QWordPrefix = 0x0E, ScopeOp = 0x10, BufferOp = 0x11, PackageOp = 0x12, MethodOp = 0x14;
    private const byte ExtendedPrefix = 0x5B, DeviceOp = 0x82, NotifyOp = 0x86;
    private const int SegmentLength = 4;

    private readonly List<byte> _bytes = [];

    /// <summary>What has been written.</summary>
    public byte[] ToArray() => [.. _bytes];

    /// <summary>Adds objects to a namespace that exists, such as \_SB_.</summary>
    public AmlWriter Scope(string path, Action<AmlWriter> content)
    {
        _bytes.Add(ScopeOp);
        return Block(path, content);
    }

    /// <summary>Declares a device; its name has four characters.</summary>
    public AmlWriter Device(string name, Action<AmlWriter> content)
    {
        _bytes.Add(ExtendedPrefix);
        _bytes.Add(DeviceOp);
        return Block(name, content);
    }

    /// <summary>Declares a method, which one thread executes at a time.</summary>
    /// <param name="name">Its name.</param>
    /// <param name="arguments">How many arguments it has, 0 to 7.</param>
    /// <param name="content">What it does.</param>
    public AmlWriter Method(string name, int arguments, Action<AmlWriter> content)
    {
        const int serialized = 1 << 3;
        _bytes.Add(MethodOp);
        return Block(name, method =>
        {
            method._bytes.Add((byte)(arguments | serialized));
            content(method);
        });
    }

    /// <summary>In a method: tells a device's driver of an event.</summary>
    public AmlWriter Notify(string device, byte value)
    {
        _bytes.Add(NotifyOp);
        WritePath(device);
        WriteInteger(value);
        return this;
    }

    /// <summary>Declares a number.</summary>
    public AmlWriter Name(string name, ulong value)
    {
        WriteName(name);
        WriteInteger(value);
        return this;
    }

    /// <summary>Declares a text, which must be ASCII.</summary>
    public AmlWriter Name(string name, string value)
    {
        WriteName(name);
        _bytes.Add(StringPrefix);
        _bytes.AddRange(Encoding.ASCII.GetBytes(value));
        _bytes.Add(0);
        return this;
    }

    /// <summary>Declares a package of numbers, at most 255.</summary>
    public AmlWriter NamePackage(string name, params ReadOnlySpan<ulong> values)
    {
        WriteName(name);
        _bytes.Add(PackageOp);
        var items = new AmlWriter();
        items._bytes.Add((byte)values.Length);
        foreach (ulong value in values)
            items.WriteInteger(value);
        WriteSized(items._bytes);
        return this;
    }

    /// <summary>Declares an id of the form PNP0501 as the number that stands for it.</summary>
    public AmlWriter NameEisaId(string name, string id)
    {
        // Three letters of five bits, then four hexadecimal digits, high byte first.
        int letters = ((id[0] & 0x1F) << 10) | ((id[1] & 0x1F) << 5) | (id[2] & 0x1F);
        uint value = ((uint)letters << 16) | Convert.ToUInt16(id[3..], 16);
        return Name(name, BinaryPrimitives.ReverseEndianness(value));
    }

    /// <summary>Declares the resources that a device uses.</summary>
    public AmlWriter Resources(Action<AcpiResources> content)
    {
        var resources = new AcpiResources();
        content(resources);
        byte[] template = resources.ToArray();
        WriteName("_CRS");
        _bytes.Add(BufferOp);
        var size = new AmlWriter();
        size.WriteInteger((ulong)template.Length);
        WriteSized([.. size._bytes, .. template]);
        return this;
    }

    private AmlWriter Block(string path, Action<AmlWriter> content)
    {
        var inner = new AmlWriter();
        inner.WritePath(path);
        content(inner);
        WriteSized(inner._bytes);
        return this;
    }

    private void WriteName(string name)
    {
        _bytes.Add(NameOp);
        WritePath(name);
    }

    private void WritePath(string path)
    {
        string segment = path.TrimStart('\\');
        if (segment.Length != SegmentLength)
            throw new ArgumentException($"'{path}' is no name of four characters.", nameof(path));
        _bytes.AddRange(Encoding.ASCII.GetBytes(path));
    }

    private void WriteInteger(ulong value)
    {
        switch (value)
        {
            case 0:
                _bytes.Add(ZeroOp);
                return;
            case 1:
                _bytes.Add(OneOp);
                return;
        }

        (byte prefix, int size) = value switch
        {
            <= byte.MaxValue => (BytePrefix, sizeof(byte)),
            <= ushort.MaxValue => (WordPrefix, sizeof(ushort)),
            <= uint.MaxValue => (DWordPrefix, sizeof(uint)),
            _ => (QWordPrefix, sizeof(ulong)),
        };
        _bytes.Add(prefix);
        for (int i = 0; i < size; i++)
            _bytes.Add((byte)(value >> (8 * i)));
    }

    /// <summary>Writes a package length, which counts itself, and what it is the length of (20.2.4).</summary>
    private void WriteSized(List<byte> content)
    {
        const int most1 = 0x3F, most2 = 0xFFF, most3 = 0xF_FFFF;
        int count = content.Count;
        int more = count + 1 <= most1 ? 0 : count + 2 <= most2 ? 1 : count + 3 <= most3 ? 2 : 3;
        int length = count + 1 + more;
        if (more == 0)
        {
            _bytes.Add((byte)length);
        }
        else
        {
            _bytes.Add((byte)((more << 6) | (length & 0xF)));
            for (int i = 0; i < more; i++)
                _bytes.Add((byte)(length >> (4 + (8 * i))));
        }

        _bytes.AddRange(content);
    }
}
