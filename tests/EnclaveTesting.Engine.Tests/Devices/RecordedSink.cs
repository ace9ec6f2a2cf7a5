using System.Text;
using EnclaveTesting.Engine.Devices;

namespace EnclaveTesting.Engine.Tests.Devices;

/// <summary>A serial sink that keeps what was sent.</summary>
internal sealed class RecordedSink : ISerialSink
{
    private readonly StringBuilder _text = new();

    public string Text => _text.ToString();

    public void Write(byte value) => _text.Append((char)value);
}
