namespace EnclaveTesting.Engine.Devices;

/// <summary>
/// A device behind a window of guest-physical addresses. Offsets are from the window's start and, with the length
/// (1 to 8 bytes), lie inside it. Called by the machine, one call at a time.
/// </summary>
internal interface IMmioDevice
{
    /// <summary>Fills <paramref name="data"/>, little-endian.</summary>
    void ReadMmio(ulong offset, Span<byte> data);

    /// <summary>Takes a little-endian write.</summary>
    void WriteMmio(ulong offset, ReadOnlySpan<byte> data);
}
