namespace EnclaveTesting.Testcontainers.Tests;

/// <summary>The classes that share one container engine.</summary>
[CollectionDefinition(Name)]
public sealed class PodmanTests : ICollectionFixture<Podman>
{
    /// <summary>The collection's name.</summary>
    public const string Name = "podman";
}
