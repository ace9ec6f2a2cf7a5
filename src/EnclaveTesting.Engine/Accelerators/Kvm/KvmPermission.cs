using System.Globalization;
using System.Runtime.Versioning;

namespace EnclaveTesting.Engine.Accelerators.Kvm;

/// <summary>What a user does who may not open KVM's device.</summary>
internal static class KvmPermission
{
    private const UnixFileMode GroupMayUse = UnixFileMode.GroupRead | UnixFileMode.GroupWrite;

    /// <summary>Looks at the device and says it.</summary>
    [SupportedOSPlatform("linux")]
    public static string HowToGet(string device)
    {
        try
        {
            UnixFileMode mode = File.GetUnixFileMode(device);
            uint? group = LibC.GroupOf(device);
            return HowToGet(device, mode, group, group is uint number ? FindName(number) : null);
        }
        catch (Exception exception) when (exception is IOException or UnauthorizedAccessException)
        {
            return "Add yourself to the device's group and log in again.";
        }
    }

    /// <summary>Says it of a device with this mode and group.</summary>
    /// <param name="device">Its path.</param>
    /// <param name="mode">Its mode.</param>
    /// <param name="group">Its group's number; null if unknown.</param>
    /// <param name="name">Its group's name; null if the number has none here, as in containers.</param>
    public static string HowToGet(string device, UnixFileMode mode, uint? group, string? name)
    {
        // Root's group is none to add people to.
        if ((mode & GroupMayUse) == GroupMayUse && group is not (null or 0))
        {
            return name is null
                ? string.Create(CultureInfo.InvariantCulture, $"It belongs to the group with number {group}: start the container with --group-add {group}.")
                : $"It belongs to the group {name}: add yourself to that and log in again: sudo usermod -aG {name} $USER";
        }

        return $"No group of users may open it (mode {Convert.ToString((int)mode, 8)}); give it to one, add yourself to that and log in again: "
            + $"sudo groupadd -f kvm && sudo chgrp kvm {device} && sudo chmod 660 {device} && sudo usermod -aG kvm $USER "
            + "(the udev rule KERNEL==\"kvm\", GROUP=\"kvm\", MODE=\"0660\" makes it last)";
    }

    private static string? FindName(uint group)
    {
        // name:password:number:members
        return File.Exists("/etc/group")
            ? File.ReadLines("/etc/group").Select(line => line.Split(':')).FirstOrDefault(fields => fields.Length > 2 && fields[2] == group.ToString(CultureInfo.InvariantCulture))?[0]
            : null;
    }
}
