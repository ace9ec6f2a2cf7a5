namespace EnclaveTesting.Engine.Devices;

/// <summary>Where a serial port's transmitted bytes go.</summary>
internal interface ISerialSink
{
    /// <summary>Takes one byte that the guest sent. Called on a machine thread: must not block.</summary>
    void Write(byte value);
}
