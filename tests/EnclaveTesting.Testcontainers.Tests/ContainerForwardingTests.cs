using DotNet.Testcontainers.Builders;
using DotNet.Testcontainers.Containers;
using ContainerWait = DotNet.Testcontainers.Builders.Wait;

namespace EnclaveTesting.Testcontainers.Tests;

[Collection(PodmanTests.Name)]
public class ContainerForwardingTests(Podman podman)
{
    // What connects gets an answer to its first line.
    private static readonly string[] Server = ["/bin/busybox", "nc", "-ll", "-p", "80", "-e", "/bin/sh", "-c", "read line; echo \"the container heard: $line\""];

    [PodmanFact]
    public async Task Reaches_a_container_that_was_started_after_the_enclave_was_built()
    {
        await using IContainer container = Container().WithPortBinding(80, true)
            .WithWaitStrategy(ContainerWait.ForUnixContainer().UntilExternalTcpPortIsAvailable(80)).Build();
        await using Enclave enclave = Guest.Hello(parent => parent.Port(8000).ForwardTo(container, 80));
        await container.StartAsync();
        await enclave.StartAsync();

        (await enclave.SendAsync("connect 8000")).Should().Be("ok");

        await enclave.Console.WaitForLineAsync("the container heard: hello from enclave");
        await enclave.Parent.VerifyAllAsync();
    }

    [PodmanFact]
    public async Task Says_that_a_port_of_the_container_is_not_published()
    {
        await using IContainer container = Container().Build();
        await container.StartAsync();
        await using Enclave enclave = Guest.Hello(parent => parent.Port(8000).ForwardTo(container, 80));
        await enclave.StartAsync();

        await enclave.SendAsync("connect 8000");

        (await enclave.FailureAsync(8000)).Should().Match("*does not publish port 80*WithPortBinding(80, true)*");
    }

    [PodmanFact]
    public async Task Says_that_the_container_was_stopped()
    {
        await using IContainer container = Container().WithPortBinding(80, true).Build();
        await container.StartAsync();
        await container.StopAsync();
        await using Enclave enclave = Guest.Hello(parent => parent.Port(8000).ForwardTo(container, 80));
        await enclave.StartAsync();

        await enclave.SendAsync("connect 8000");

        (await enclave.FailureAsync(8000)).Should().Match("*is not running any more (Exited)*");
    }

    private ContainerBuilder Container() => new ContainerBuilder(Podman.BusyBox).WithDockerEndpoint(podman.Endpoint).WithEntrypoint(Server);
}
