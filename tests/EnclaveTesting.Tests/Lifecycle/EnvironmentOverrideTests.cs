using System.Text;
using EnclaveTesting.Engine.Eif;
using EnclaveTesting.Engine.Images;

namespace EnclaveTesting.Tests.Lifecycle;

public class EnvironmentOverrideTests
{
    [Theory]
    [InlineData(RamdiskCompression.None)]
    [InlineData(RamdiskCompression.Gzip)]
    public void Variables_are_added_to_those_of_the_image(RamdiskCompression compression)
    {
        CpioArchive application = NitroRamdisks.CreateApplication(["/app"], ["PATH=/bin", "MODE=production"]).AddFile("rootfs/big", new byte[100_001]);
        using EifImage image = EifImage.Load(Guest.Image("hello").AddRamdisk(application.Build(compression)).Build());

        byte[] initrd = EnvironmentOverride.Build(image, new Dictionary<string, string> { ["MODE"] = "test", ["NEW"] = "a=b" }, "12345"u8.ToArray());

        initrd.AsSpan(0, 5).SequenceEqual("12345"u8).Should().BeTrue("the caller's own ramdisk stays in front");
        Encoding.UTF8.GetString(CpioScanner.FindFile(new MemoryStream(initrd, 8, initrd.Length - 8), "env", 1000)!).Should().Be("PATH=/bin\nMODE=test\nNEW=a=b\n");
    }

    [Fact]
    public void An_image_without_a_file_gets_one()
    {
        using EifImage image = EifImage.Load(Guest.Image("hello").Build());

        byte[] initrd = EnvironmentOverride.Build(image, new Dictionary<string, string> { ["A"] = "1" }, default);

        Encoding.UTF8.GetString(CpioScanner.FindFile(new MemoryStream(initrd), "env", 1000)!).Should().Be("A=1\n");
    }

    [Fact]
    public void A_ramdisk_that_is_none_ends_the_search()
    {
        int seed = Environment.TickCount;
        var random = new Random(seed);
        byte[] archive = new CpioArchive().AddFile("env", "A=1\n").AddFile("other", "text").Build();
        for (int i = 0; i < 2000; i++)
        {
            byte[] damaged = (byte[])archive.Clone();
            for (int changes = random.Next(1, 8); changes > 0; changes--)
                damaged[random.Next(damaged.Length)] = (byte)random.Next(256);
            int length = random.Next(damaged.Length + 1);
            FluentActions.Invoking(() => CpioScanner.FindFile(new MemoryStream(damaged, 0, length), "env", 1000)).Should().NotThrow($"the seed is {seed}");
        }
    }

    [Fact]
    public void Names_and_values_that_lines_cannot_carry_are_refused() =>
        FluentActions.Invoking(() => Guest.Of("hello").WithEnvironment("A=B", "x").WithEnvironment("C", "1\n2").Build())
            .Should().Throw<EnclaveConfigurationException>().Which.Problems.Should().HaveCount(2);
}
