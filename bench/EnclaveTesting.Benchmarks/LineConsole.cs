using System.Text;
using EnclaveTesting.Engine.Devices;

namespace EnclaveTesting.Benchmarks;

/// <summary>A console that is read by lines, on the machine's own thread.</summary>
internal sealed class LineConsole(Action<string> line) : ISerialSink
{
    private readonly StringBuilder _line = new();

    public void Write(byte value)
    {
        if (value == '\n')
        {
            line(_line.ToString());
            _line.Clear();
        }
        else if (value != '\r')
        {
            _line.Append((char)value);
        }
    }
}
