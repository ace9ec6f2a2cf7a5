using System.Net;
using DotNet.Testcontainers.Containers;

namespace EnclaveTesting.Testcontainers;

/// <summary>Lets an enclave reach containers through its parent.</summary>
public static class ContainerForwarding
{
    /// <summary>
    /// Passes the connection on to a container, as AWS's vsock-proxy passes it on to a service. The container's mapped port is looked up
    /// when the enclave connects, so the container may be started after the enclave was built; it has to be running by then.
    /// </summary>
    /// <param name="port">The parent's port.</param>
    /// <param name="container">The container; starting and disposing it is the caller's business.</param>
    /// <param name="containerPort">The port inside the container, which has to be bound: WithPortBinding(80, true).</param>
    public static ParentPort ForwardTo(this ParentPort port, IContainer container, int containerPort)
    {
        ArgumentNullException.ThrowIfNull(port);
        ArgumentNullException.ThrowIfNull(container);
        ArgumentOutOfRangeException.ThrowIfLessThan(containerPort, 1);
        ArgumentOutOfRangeException.ThrowIfGreaterThan(containerPort, IPEndPoint.MaxPort);
        return port.ForwardTo(() => Find(container, (ushort)containerPort));
    }

    private static DnsEndPoint Find(IContainer container, ushort containerPort)
    {
        if (container.State == TestcontainersStates.Undefined)
            throw new InvalidOperationException("The container was not started: start it before the enclave connects to it.");
        if (container.State != TestcontainersStates.Running)
            throw new InvalidOperationException($"The container {container.Name} is not running any more ({container.State}).");
        return container.GetMappedPublicPorts().TryGetValue(containerPort, out ushort hostPort)
            ? new DnsEndPoint(container.Hostname, hostPort)
            : throw new InvalidOperationException($"The container {container.Name} does not publish port {containerPort}: bind it with WithPortBinding({containerPort}, true).");
    }
}
