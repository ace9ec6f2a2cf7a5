using EnclaveTesting.Engine.Machine;

namespace EnclaveTesting;

/// <summary>What can be asserted about an enclave.</summary>
internal static class EnclaveFindings
{
    public static Finding<TimeSpan> Heartbeat(Enclave enclave)
    {
        TimeSpan? at = enclave.Parent.HeartbeatAt;
        return Of(enclave, at ?? default, "to have sent its heartbeat", at is null ? $"none has come on port {EnclaveTesting.Heartbeat.Port} (phase: {enclave.Phase})" : null);
    }

    public static Finding<Enclave> Running(Enclave enclave) =>
        Of(enclave, enclave, "to be running", enclave.State == EnclaveState.Running ? null : Standing(enclave));

    public static Finding<VmExit?> Exited(Enclave enclave, VmExitReason reason)
    {
        VmExit? exit = enclave.Exited.IsCompletedSuccessfully ? enclave.Exited.Result : null;
        return Of(enclave, exit, $"to have ended with {reason}", exit?.Reason == reason ? null : Standing(enclave));
    }

    public static async Task<Finding<VmExit?>> ExitsAsync(Enclave enclave, VmExitReason reason, TimeSpan? timeout, CancellationToken cancellationToken)
    {
        TimeSpan limit = timeout ?? enclave.OperationTimeout;
        try
        {
            await enclave.Exited.WaitAsync(limit, cancellationToken).ConfigureAwait(false);
        }
        catch (TimeoutException)
        {
            return Of<VmExit?>(enclave, null, $"to end with {reason} within {Text.Duration(limit)}", Standing(enclave));
        }

        return Exited(enclave, reason);
    }

    private static string Standing(Enclave enclave) => enclave.State switch
    {
        EnclaveState.Created => "it was not started",
        EnclaveState.Starting => $"it is starting (phase: {enclave.Phase})",
        EnclaveState.Running => "it is running",
        _ => enclave.Exited.IsCompletedSuccessfully ? $"it ended with {enclave.Exited.Result.Reason}" : "it has ended",
    };

    private static Finding<T> Of<T>(Enclave enclave, T value, string expected, string? seen) =>
        new(value, $"{enclave.Name} {expected}", seen, seen is null ? "" : Evidence.Of(enclave));
}
