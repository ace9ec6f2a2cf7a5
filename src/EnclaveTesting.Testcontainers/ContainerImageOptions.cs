namespace EnclaveTesting.Testcontainers;

/// <summary>What an enclave takes from a container image, and what it does not.</summary>
public sealed record ContainerImageOptions
{
    /// <summary>The command and its arguments; null takes the image's entry point and cmd.</summary>
    public IReadOnlyList<string>? Command { get; init; }

    /// <summary>Variables besides those of the image; the same name here replaces the image's.</summary>
    public IReadOnlyDictionary<string, string> Environment { get; init; } = new Dictionary<string, string>();

    /// <summary>The container engine's socket, such as unix:///run/podman/podman.sock; null takes the one that Testcontainers finds.</summary>
    public Uri? DockerEndpoint { get; init; }
}
