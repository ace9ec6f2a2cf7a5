using System.Globalization;

namespace EnclaveTesting.Engine.Devices.Vsock;

/// <summary>A vsock context identifier (linux/vm_sockets.h).</summary>
/// <param name="Value">The number.</param>
internal readonly record struct Cid(uint Value)
{
    /// <summary>The hypervisor's own identifier; guests reach the host by it.</summary>
    public static readonly Cid Host = new(2);

    /// <summary>The parent instance of a Nitro enclave.</summary>
    public static readonly Cid Parent = new(3);

    /// <summary>What the first enclave of an instance gets.</summary>
    public static readonly Cid DefaultEnclave = new(16);

    /// <summary>Why a guest cannot have this identifier; null if it can.</summary>
    public string? WhyNotForGuests => Value switch
    {
        0 => "CID 0 is the hypervisor's; enclaves have 4 or higher.",
        1 => "CID 1 is the local loopback; enclaves have 4 or higher.",
        2 => "CID 2 is the host; enclaves have 4 or higher.",
        3 => "CID 3 is the parent instance; enclaves have 4 or higher.",
        uint.MaxValue => "CID 4294967295 means any address.",
        _ => null,
    };

    /// <summary>The number in decimal.</summary>
    public override string ToString() => Value.ToString(CultureInfo.InvariantCulture);
}
