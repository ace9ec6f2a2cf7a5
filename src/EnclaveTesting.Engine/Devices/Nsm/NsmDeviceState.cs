using EnclaveTesting.Engine.State;

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

    /// <summary>Whether requests wait because too many came at once.</summary>
    public bool Interrupted { get; set; }

    /// <summary>Saves or restores.</summary>
    public void Exchange(StateArchive archive)
    {
        bool waits = archive.Flag(Head is not null);
        ushort head = archive.Value(Head ?? 0);
        Head = waits ? head : null;
        Length = archive.Within(Length, 0, Request.Length);
        archive.Fixed(Request.AsSpan(0, Length));
        Interrupted = archive.Flag(Interrupted);
    }
}
