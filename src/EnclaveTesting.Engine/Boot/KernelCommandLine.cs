using System.Globalization;
using System.Text;
using EnclaveTesting.Engine.Memory;

namespace EnclaveTesting.Engine.Boot;

/// <summary>Builds the command line: the image's, the caller's, then one announcement for each virtio-mmio device.</summary>
internal static class KernelCommandLine
{
    /// <summary>Joins the parts with single spaces; announcements stay before a <c>--</c>, after which all belongs to init.</summary>
    public static string Build(string image, string? extra, int virtioDevices)
    {
        var announcements = new StringBuilder();
        for (int device = 0; device < virtioDevices; device++)
        {
            // The form of drivers/virtio/virtio_mmio.c: size@base:irq.
            announcements.Append(CultureInfo.InvariantCulture, $" virtio_mmio.device=4K@0x{VirtioMmioAddress(device):x}:{MemoryLayout.VirtioMmioFirstGsi + (uint)device}");
        }

        string line = string.IsNullOrEmpty(extra) ? image : image + " " + extra;
        int init = (line + " ").IndexOf(" -- ", StringComparison.Ordinal);
        line = init < 0 ? line + announcements : line[..init] + announcements + line[init..];
        return line.TrimStart(' ');
    }

    /// <summary>The window of a virtio-mmio device.</summary>
    public static ulong VirtioMmioAddress(int device) => MemoryLayout.VirtioMmioStart + ((ulong)device * MemoryLayout.VirtioMmioStride);
}
