namespace EnclaveTesting.Engine.Devices.Nsm;

/// <summary>What the device holds between two notifications: a request whose response buffer has not come yet.</summary>
internal sealed record NsmDeviceState
{
    /// <summary>The head of the request's chain; null if none waits.</summary>
    public ushort? Head { get; set; }

    /// <summary>The request, one byte longer than one may be if it is too long.</summary>
    public byte[] Request { get; init; } = new byte[NsmProtocol.MaxRequestSize + 1];

    /// <summary>How many bytes of <see cref="Request"/> there are.</summary>
    public int Length { get; set; }
}
