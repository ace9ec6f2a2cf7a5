using DotNet.Testcontainers.Images;
using EnclaveTesting.Engine.Eif;

namespace EnclaveTesting.Testcontainers;

/// <summary>Makes enclave images of container images, as nitro-cli does, with the guest kit's kernel and init.</summary>
public static class ContainerImageExtensions
{
    /// <summary>Takes the enclave's image from a container image, which is exported from the container engine when the enclave starts.</summary>
    /// <param name="enclave">The builder.</param>
    /// <param name="image">The container image's name; it is pulled if the engine does not have it and its registry wants no password.</param>
    /// <param name="options">What to change; null changes nothing.</param>
    /// <exception cref="ArgumentException">The name is none.</exception>
    public static EnclaveBuilder WithContainerImage(this EnclaveBuilder enclave, string image, ContainerImageOptions? options = null) =>
        WithContainerImage(enclave, new DockerImage(image), options);

    /// <summary>Takes the enclave's image from a container image, which is built, if it is to be, and exported when the enclave starts.</summary>
    /// <param name="enclave">The builder.</param>
    /// <param name="image">The container image, perhaps one that ImageFromDockerfileBuilder is to build.</param>
    /// <param name="options">What to change; null changes nothing.</param>
    public static EnclaveBuilder WithContainerImage(this EnclaveBuilder enclave, IImage image, ContainerImageOptions? options = null)
    {
        ArgumentNullException.ThrowIfNull(enclave);
        ArgumentNullException.ThrowIfNull(image);
        return enclave.WithImage(token => ToEnclaveImageAsync(image, options, token));
    }

    /// <summary>
    /// Makes an enclave image of a container image: its root file system, entry point, cmd and environment in nitro-cli's two ramdisks. As in
    /// nitro-cli's images its user and working directory are not taken over: init runs the command as root in /.
    /// </summary>
    /// <returns>The image, not yet written: it can be signed, or given other memory.</returns>
    /// <exception cref="InvalidOperationException">There is no container engine, or it cannot get the image, or the image has no command.</exception>
    /// <exception cref="InvalidDataException">The image is for another architecture than x86-64, or damaged.</exception>
    public static Task<EifBuilder> ToEnclaveImageAsync(this IImage image, ContainerImageOptions? options = null, CancellationToken cancellationToken = default)
    {
        ArgumentNullException.ThrowIfNull(image);
        return new ContainerImageExport(image, options ?? new ContainerImageOptions()).RunAsync(cancellationToken);
    }
}
