using System.Text.Json;
using System.Text.Json.Serialization;
using Docker.DotNet;
using Docker.DotNet.Models;
using DotNet.Testcontainers.Builders;
using DotNet.Testcontainers.Configurations;
using DotNet.Testcontainers.Images;
using EnclaveTesting.Engine.Eif;
using EnclaveTesting.Engine.Images;

namespace EnclaveTesting.Testcontainers;

/// <summary>Gets a container image out of the container engine and makes an enclave image of it.</summary>
internal sealed class ContainerImageExport(IImage image, ContainerImageOptions options)
{
    // What the guest kit's kernel runs, whatever the engine's own machine is.
    private const string Platform = "linux/amd64";

    private static readonly JsonSerializerOptions Json = new() { DefaultIgnoreCondition = JsonIgnoreCondition.WhenWritingNull };

    public async Task<EifBuilder> RunAsync(CancellationToken cancellationToken)
    {
        if (image is IFutureDockerImage future)
            await future.CreateAsync(cancellationToken).ConfigureAwait(false);
        IDockerEndpointAuthenticationConfiguration engine = FindEngine();
        string name = FindName(engine);
        using DockerClient client = engine.GetDockerClientBuilder(default).Build();
        ImageInspectResponse information;
        try
        {
            information = await FindImageAsync(client, name, cancellationToken).ConfigureAwait(false);
        }
        catch (HttpRequestException exception)
        {
            throw new InvalidOperationException($"The container engine at {engine.Endpoint} does not answer: {exception.Message}", exception);
        }

        // The archive's table of contents may stand at its end, and layers refer to each other: it has to be read in any order.
        DirectoryInfo directory = Directory.CreateTempSubdirectory("enclave-");
        try
        {
            string path = Path.Combine(directory.FullName, "image.tar");
            await SaveAsync(client, name, path, cancellationToken).ConfigureAwait(false);
            using var container = ContainerImage.Open(path);
            return Build(name, container, JsonSerializer.Serialize(information, Json));
        }
        catch (InvalidDataException exception)
        {
            throw new InvalidDataException($"No enclave can be made of the container image {name}: {exception.Message}", exception);
        }
        finally
        {
            directory.Delete(recursive: true);
        }
    }

    private IDockerEndpointAuthenticationConfiguration FindEngine() => options.DockerEndpoint is { } endpoint
        ? new DockerEndpointAuthenticationConfiguration(endpoint)
        : TestcontainersSettings.OS?.DockerEndpointAuthConfig
            ?? throw new InvalidOperationException("No container engine was found to take an image from: is Docker or podman's socket there (DOCKER_HOST)?");

    /// <summary>The name after the substitutions that are configured for Testcontainers, which a container of the image would go through.</summary>
    private string FindName(IDockerEndpointAuthenticationConfiguration engine) => new ContainerBuilder(image).WithDockerEndpoint(engine).Build().Image.FullName;

    private static async Task<ImageInspectResponse> FindImageAsync(DockerClient client, string name, CancellationToken cancellationToken)
    {
        try
        {
            return await client.Images.InspectImageAsync(name, cancellationToken).ConfigureAwait(false);
        }
        catch (DockerImageNotFoundException)
        {
            // Then it is pulled.
        }

        try
        {
            var progress = new Progress<JSONMessage>();
            await client.Images.CreateImageAsync(new ImagesCreateParameters { FromImage = name, Platform = Platform }, null, progress, cancellationToken).ConfigureAwait(false);
            return await client.Images.InspectImageAsync(name, cancellationToken).ConfigureAwait(false);
        }
        catch (DockerApiException exception)
        {
            throw new InvalidOperationException($"The container engine has no image {name} and could not pull it (if its registry wants a password, pull it beforehand): {exception.Message}", exception);
        }
    }

    private static async Task SaveAsync(DockerClient client, string name, string path, CancellationToken cancellationToken)
    {
        Stream saved = await client.Images.SaveImageAsync(name, cancellationToken).ConfigureAwait(false);
        await using (saved.ConfigureAwait(false))
        {
            FileStream file = File.Create(path);
            await using (file.ConfigureAwait(false))
                await saved.CopyToAsync(file, cancellationToken).ConfigureAwait(false);
        }
    }

    private EifBuilder Build(string name, ContainerImage container, string information)
    {
        IReadOnlyList<string> command = options.Command ?? container.Command;
        if (command.Count == 0)
            throw new InvalidOperationException($"The container image {name} has neither entry point nor cmd: say what to run with {nameof(ContainerImageOptions)}.{nameof(ContainerImageOptions.Command)}.");
        string[] environment =
        [
            .. container.Environment.Where(entry => !options.Environment.ContainsKey(entry.Split('=')[0])),
            .. options.Environment.Select(variable => $"{variable.Key}={variable.Value}"),
        ];
        CpioArchive application = NitroRamdisks.CreateApplication(command, environment);
        container.AddTo(application, "rootfs");
        var build = new EifBuildMetadata(
            DateTimeOffset.UnixEpoch.ToString("yyyy-MM-dd'T'HH:mm:sszzz", System.Globalization.CultureInfo.InvariantCulture),
            "EnclaveTesting",
            typeof(ContainerImageExport).Assembly.GetName().Version?.ToString(3) ?? "",
            "Linux",
            GuestKit.KernelVersion);
        return new EifBuilder()
            .WithKernel(GuestKit.Kernel)
            .AddRamdisk(NitroRamdisks.CreateBoot(GuestKit.Init).Build())
            .AddRamdisk(application.Build())
            .WithMetadata(new EifMetadata(name, "1.0", build, DockerInfo: information));
    }
}
