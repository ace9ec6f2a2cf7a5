using DotNet.Testcontainers.Builders;
using DotNet.Testcontainers.Images;
using EnclaveTesting.Engine.Eif;
using EnclaveTesting.Engine.Images;
using EnclaveTesting.Engine.Tests.Images;
using Wait = EnclaveTesting.Wait;

namespace EnclaveTesting.Testcontainers.Tests;

[Collection(PodmanTests.Name)]
public class ContainerImageTests(Podman podman)
{
    private const string App = "localhost/enclave-tests/app:1";

    [PodmanFact]
    public async Task Becomes_an_image_of_nitro_clis_shape()
    {
        await ImportAppAsync();

        using EifImage image = await ExportAsync(App);

        image.Kernel.Data.ToArray().Should().Equal(GuestKit.Kernel.ToArray());
        image.CommandLine.Should().Be(EifBuilder.DefaultCommandLine);
        image.Metadata!.ImageName.Should().Be(App);
        image.Metadata.DockerInfo.Should().Contain("\"Architecture\":\"amd64\"");
        Files(image, 0).Keys.Should().Contain("init");
        var application = Files(image, 1);
        Text(application["cmd"]).Should().Be("/app\nserve\n--ready-port\n9001\n");
        Text(application["env"]).Split('\n').Should().Contain(["GREETING=from the image", "LEVEL=1"]);
        application["rootfs/app"].Should().Equal(await File.ReadAllBytesAsync(Path.Combine(AppContext.BaseDirectory, "enclave-app")));
    }

    [PodmanFact]
    public async Task Takes_another_command_and_variables()
    {
        await ImportAppAsync();

        using EifImage image = await ExportAsync(App, new ContainerImageOptions
        {
            Command = ["/app", "selftest"],
            Environment = new Dictionary<string, string> { ["GREETING"] = "from the test", ["MORE"] = "a=b" },
        });

        var application = Files(image, 1);
        Text(application["cmd"]).Should().Be("/app\nselftest\n");
        string[] environment = Text(application["env"]).Split('\n');
        environment.Should().Contain(["GREETING=from the test", "LEVEL=1", "MORE=a=b"]).And.NotContain("GREETING=from the image");
    }

    [PodmanFact]
    public async Task The_same_container_image_has_the_same_measurements()
    {
        await ImportAppAsync();

        using EifImage one = await ExportAsync(App), two = await ExportAsync(App);

        one.Measurements.Should().Be(two.Measurements);
    }

    [PodmanFact]
    public async Task Builds_an_image_from_a_dockerfile_first()
    {
        DirectoryInfo context = Directory.CreateTempSubdirectory("enclave-dockerfile-");
        try
        {
            await File.WriteAllTextAsync(Path.Combine(context.FullName, "message"), "hello\n");
            await File.WriteAllTextAsync(Path.Combine(context.FullName, "Dockerfile"), $"""
                FROM {Podman.BusyBox}
                COPY message /etc/message
                ENTRYPOINT ["/bin/busybox", "cat", "/etc/message"]
                """);
            await using IFutureDockerImage image = new ImageFromDockerfileBuilder().WithDockerEndpoint(podman.Endpoint).WithDockerfileDirectory(context.FullName).Build();

            using EifImage eif = await ExportAsync(image);

            Text(Files(eif, 1)["cmd"]).Should().Be("/bin/busybox\ncat\n/etc/message\n");
            Text(Files(eif, 1)["rootfs/etc/message"]).Should().Be("hello\n");
        }
        finally
        {
            context.Delete(recursive: true);
        }
    }

    [PodmanFact]
    public async Task An_image_without_a_command_needs_one()
    {
        await Awaiting(() => ExportAsync(Podman.BusyBox)).Should().ThrowAsync<InvalidOperationException>().WithMessage($"*{Podman.BusyBox} has neither entry point nor cmd*Command*");

        using EifImage image = await ExportAsync(Podman.BusyBox, new ContainerImageOptions { Command = ["/bin/busybox", "true"] });
        Text(Files(image, 1)["cmd"]).Should().Be("/bin/busybox\ntrue\n");
    }

    [PodmanFact]
    public Task An_image_that_nobody_has_is_said_so() =>
        Awaiting(() => ExportAsync("localhost/enclave-tests/none:1")).Should().ThrowAsync<InvalidOperationException>().WithMessage("*no image localhost/enclave-tests/none:1 and could not pull it*");

    [PodmanFact]
    public async Task Boots()
    {
        await ImportAppAsync();

        #region image
        await using Enclave enclave = new EnclaveBuilder()
            .WithContainerImage("localhost/enclave-tests/app:1", new ContainerImageOptions
            {
                Environment = new Dictionary<string, string> { ["GREETING"] = "from the test" },
                DockerEndpoint = podman.Endpoint,                                      // otherwise the one that Testcontainers finds
            })
            .WithMemory(256)
            .WithParent(parent => parent.Port(9001).Expect("ready\n"))
            .WaitFor(Wait.ForParentPort(9001))
            .Build();
        await enclave.StartAsync();

        (await enclave.Client<string, string>(port: 5001, Codec.Lines).SendAsync("env GREETING")).Should().Be("from the test");
        #endregion
        (await enclave.Client<string, string>(port: 5001, Codec.Lines).SendAsync("env LEVEL")).Should().Be("1");
    }

    private static Func<Task> Awaiting(Func<Task> action) => action;

    private static Dictionary<string, byte[]> Files(EifImage image, int ramdisk) =>
        CpioReader.Read(image.Ramdisks[ramdisk].Data).ToDictionary(entry => entry.Name, entry => entry.Data);

    private static string Text(byte[] bytes) => System.Text.Encoding.UTF8.GetString(bytes);

    private Task<EifImage> ExportAsync(string image, ContainerImageOptions? options = null) => ExportAsync(new DockerImage(image), options);

    private async Task<EifImage> ExportAsync(IImage image, ContainerImageOptions? options = null)
    {
        EifBuilder builder = await image.ToEnclaveImageAsync((options ?? new ContainerImageOptions()) with { DockerEndpoint = podman.Endpoint });
        return EifImage.Load(builder.Build());
    }

    private async Task ImportAppAsync() => await podman.ImportAsync(
        App,
        ["ENTRYPOINT [\"/app\", \"serve\"]", "CMD [\"--ready-port\", \"9001\"]", "ENV GREETING=\"from the image\"", "ENV LEVEL=1"],
        new Dictionary<string, byte[]> { ["app"] = await File.ReadAllBytesAsync(Path.Combine(AppContext.BaseDirectory, "enclave-app")) });
}
