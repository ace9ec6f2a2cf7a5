using EnclaveTesting.Engine.Boot;

namespace EnclaveTesting.Engine.Tests.Boot;

public class KernelCommandLineTests
{
    [Theory]
    [InlineData("a=1", null, "a=1 virtio_mmio.device=4K@0xd0000000:5 virtio_mmio.device=4K@0xd0001000:6")]
    [InlineData("a=1", "b=2", "a=1 b=2 virtio_mmio.device=4K@0xd0000000:5 virtio_mmio.device=4K@0xd0001000:6")]
    [InlineData("a=1 -- arg", null, "a=1 virtio_mmio.device=4K@0xd0000000:5 virtio_mmio.device=4K@0xd0001000:6 -- arg")]
    [InlineData("a=1 --", "x", "a=1 virtio_mmio.device=4K@0xd0000000:5 virtio_mmio.device=4K@0xd0001000:6 -- x")]
    [InlineData("a=1 --", null, "a=1 virtio_mmio.device=4K@0xd0000000:5 virtio_mmio.device=4K@0xd0001000:6 --")]
    [InlineData("a--b", null, "a--b virtio_mmio.device=4K@0xd0000000:5 virtio_mmio.device=4K@0xd0001000:6")]
    [InlineData("", null, "virtio_mmio.device=4K@0xd0000000:5 virtio_mmio.device=4K@0xd0001000:6")]
    public void Announces_devices_after_all_kernel_parameters(string image, string? extra, string expected) =>
        KernelCommandLine.Build(image, extra, virtioDevices: 2).Should().Be(expected);
}
