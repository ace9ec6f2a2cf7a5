using EnclaveTesting.Engine.Accelerators.Kvm;

namespace EnclaveTesting.Engine.Tests.Accelerators.Kvm;

/// <summary>What somebody is told who may not open /dev/kvm: it depends on whom the device belongs to.</summary>
public class KvmPermissionTests
{
    private const string ToGiveIt = "sudo groupadd -f kvm && sudo chgrp kvm /dev/kvm && sudo chmod 660 /dev/kvm && sudo usermod -aG kvm $USER";

    [Theory]
    [InlineData("660", 108u, "kvm", "It belongs to the group kvm: add yourself to that and log in again: sudo usermod -aG kvm $USER")]
    [InlineData("660", 36u, "virt", "It belongs to the group virt: add yourself to that and log in again: sudo usermod -aG virt $USER")]
    [InlineData("660", 108u, null, "It belongs to the group with number 108: start the container with --group-add 108.")]
    [InlineData("600", 0u, "root", "No group of users may open it (mode 600)*" + ToGiveIt + " (the udev rule *)")]
    [InlineData("600", 108u, "kvm", "No group of users may open it (mode 600)*" + ToGiveIt + " (the udev rule *)")]
    [InlineData("640", 108u, "kvm", "No group of users may open it (mode 640)*" + ToGiveIt + " (the udev rule *)")]
    [InlineData("660", 0u, "root", "No group of users may open it (mode 660)*" + ToGiveIt + " (the udev rule *)")]
    public void The_remedy_fits_the_device(string mode, uint group, string? name, string remedy) =>
        KvmPermission.HowToGet("/dev/kvm", (UnixFileMode)Convert.ToInt32(mode, 8), group, name).Should().Match(remedy);

    [KvmFact]
    [System.Runtime.Versioning.SupportedOSPlatform("linux")]
    public void Mode_and_group_of_a_file_are_looked_at()
    {
        string file = Path.Combine(Path.GetTempPath(), Path.GetRandomFileName());
        try
        {
            File.WriteAllText(file, "");
            File.SetUnixFileMode(file, UnixFileMode.UserRead);

            KvmPermission.HowToGet(file).Should().StartWith("No group of users may open it (mode 400)").And.Contain($"chgrp kvm {file} ");
            LibC.GroupOf(file).Should().NotBeNull();
            LibC.GroupOf(file + ".missing").Should().BeNull();
        }
        finally
        {
            File.Delete(file);
        }
    }
}
