using DotNet.Testcontainers.Builders;
using DotNet.Testcontainers.Containers;

namespace EnclaveTesting.Testcontainers.Tests;

/// <summary>What needs no container engine, because there is none.</summary>
public class ContainerWithoutEngineTests
{
    private static readonly Uri Nowhere = new("unix:///nowhere/docker.sock");

    [Fact]
    public async Task Says_that_the_container_was_not_started()
    {
        await using IContainer container = new ContainerBuilder("alpine:3").WithDockerEndpoint(Nowhere).WithPortBinding(80, true).Build();
        await using Enclave enclave = Guest.Hello(parent => parent.Port(8000).ForwardTo(container, 80));
        await enclave.StartAsync();

        await enclave.SendAsync("connect 8000");

        (await enclave.FailureAsync(8000)).Should().Match("*start it before the enclave connects*");
    }

    [Fact]
    public async Task Says_that_the_container_engine_is_not_there()
    {
        EnclaveBuilder builder = new EnclaveBuilder().WithContainerImage("alpine:3", new ContainerImageOptions { DockerEndpoint = Nowhere });
        await using Enclave enclave = builder.Build();

        await enclave.Awaiting(it => it.StartAsync()).Should().ThrowAsync<EnclaveBootException>().WithMessage("*unix:///nowhere/docker.sock*");
    }
}
