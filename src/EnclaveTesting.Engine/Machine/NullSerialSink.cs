using EnclaveTesting.Engine.Devices;

namespace EnclaveTesting.Engine.Machine;

/// <summary>A console nobody reads.</summary>
internal sealed class NullSerialSink : ISerialSink
{
    public static readonly NullSerialSink Instance = new();

    /// <inheritdoc/>
    public void Write(byte value)
    {
    }
}
