using DotNet.Testcontainers.Builders;
using DotNet.Testcontainers.Containers;
using ContainerWait = DotNet.Testcontainers.Builders.Wait;
using Wait = EnclaveTesting.Wait;

namespace EnclaveTesting.Testcontainers.Tests;

[Collection(PodmanTests.Name)]
public class ContainerForwardingTests(Podman podman)
{
    // What connects gets an answer to its first line.
    private static readonly string[] Server = ["/bin/busybox", "nc", "-ll", "-p", "80", "-e", "/bin/sh", "-c", "read line; echo \"the container heard: $line\""];

    #region container
    [PodmanFact]
    public async Task Reaches_a_container()
    {
        await using IContainer container = new ContainerBuilder(Podman.BusyBox)
            .WithDockerEndpoint(podman.Endpoint)                                       // otherwise the one that Testcontainers finds
            .WithEntrypoint(Server)
            .WithPortBinding(80, assignRandomHostPort: true)
            .WithWaitStrategy(ContainerWait.ForUnixContainer().UntilExternalTcpPortIsAvailable(80))
            .Build();
        await using Enclave enclave = new EnclaveBuilder()
            .WithImage("hello.eif")
            .WithParent(parent => parent.Port(8000).ForwardTo(container, 80))
            .BeforeStart((_, stop) => container.StartAsync(stop))
            .WaitFor(Wait.ForPort(5001))
            .Build();
        await enclave.StartAsync();

        await enclave.Client<string, string>(port: 5001, Codec.Lines).SendAsync("connect 8000");

        await enclave.Console.WaitForLineAsync("the container heard: hello from enclave");
    }
    #endregion

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
