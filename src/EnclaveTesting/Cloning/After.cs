namespace EnclaveTesting;

/// <summary>When <see cref="EnclaveBuilder.WithSnapshot"/> saves the booted enclave; any other <see cref="Wait"/> does as well.</summary>
public static class After
{
    /// <summary>When the heartbeat has come and was answered: the kernel is up, the application about to start.</summary>
    public static Wait Heartbeat { get; } = Wait.ForHeartbeat();
}
