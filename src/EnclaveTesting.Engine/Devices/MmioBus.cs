using EnclaveTesting.Engine.Memory;

namespace EnclaveTesting.Engine.Devices;

/// <summary>The device windows among the guest-physical addresses. Everything else reads as all ones and swallows writes.</summary>
internal sealed class MmioBus
{
    private readonly List<MmioWindow> _windows = [];

    /// <summary>Gives a window to a device.</summary>
    /// <exception cref="ArgumentException">The window overlaps another.</exception>
    public void Add(GuestAddress start, ulong length, IMmioDevice device)
    {
        if (_windows.Exists(window => start < window.Start + window.Length && window.Start < start + length))
            throw new ArgumentException($"{length} bytes at {start} are not free.", nameof(start));
        _windows.Add(new MmioWindow(start, length, device));
    }

    /// <summary>A load; false if it does not lie in one window.</summary>
    public bool Read(GuestAddress address, Span<byte> data)
    {
        if (Find(address, data.Length, out ulong offset) is not { } device)
        {
            data.Fill(0xFF);
            return false;
        }

        device.ReadMmio(offset, data);
        return true;
    }

    /// <summary>A store; false if it does not lie in one window.</summary>
    public bool Write(GuestAddress address, ReadOnlySpan<byte> data)
    {
        if (Find(address, data.Length, out ulong offset) is not { } device)
            return false;
        device.WriteMmio(offset, data);
        return true;
    }

    private IMmioDevice? Find(GuestAddress address, int length, out ulong offset)
    {
        foreach (MmioWindow window in _windows)
        {
            offset = address.Value - window.Start.Value;
            if (offset < window.Length && (ulong)length <= window.Length - offset)
                return window.Device;
        }

        offset = 0;
        return null;
    }

    private sealed record MmioWindow(GuestAddress Start, ulong Length, IMmioDevice Device);
}
