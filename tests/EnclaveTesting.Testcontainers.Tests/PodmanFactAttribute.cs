namespace EnclaveTesting.Testcontainers.Tests;

/// <summary>A test that needs a container engine: skipped, with the reason, where podman is not installed.</summary>
[AttributeUsage(AttributeTargets.Method)]
internal sealed class PodmanFactAttribute : FactAttribute
{
    public PodmanFactAttribute() => Skip = Podman.WhyNot;
}
