using EnclaveTesting.Engine.Devices.Vsock;
using EnclaveTesting.Engine.Machine;

namespace EnclaveTesting;

/// <summary>Gives what is awaited of an enclave an end.</summary>
internal static class Deadline
{
    /// <summary>Runs an operation that may take only so long, and is over when the enclave is.</summary>
    /// <param name="enclave">The enclave.</param>
    /// <param name="timeout">How long.</param>
    /// <param name="awaited">What is awaited, in words; asked for when it does not come.</param>
    /// <param name="operation">The operation.</param>
    /// <param name="cancellationToken">The caller's.</param>
    /// <exception cref="EnclaveTimeoutException">The time was over.</exception>
    /// <exception cref="EnclaveExitedException">The enclave has ended.</exception>
    public static async Task<T> RunAsync<T>(Enclave enclave, TimeSpan timeout, Func<string> awaited, Func<CancellationToken, Task<T>> operation, CancellationToken cancellationToken)
    {
        using var limit = new CancellationTokenSource(timeout, enclave.HostTime);
        using var deadline = CancellationTokenSource.CreateLinkedTokenSource(cancellationToken, limit.Token);
        try
        {
            return await operation(deadline.Token).ConfigureAwait(false);
        }
        catch (OperationCanceledException) when (deadline.IsCancellationRequested && !cancellationToken.IsCancellationRequested)
        {
            throw new EnclaveTimeoutException(awaited(), timeout, enclave.Console.Log.Tail(), Evidence.Of(enclave));
        }
        catch (VsockException exception) when (exception.Error == VsockError.MachineEnded)
        {
            VmExit exit = await enclave.Exited.ConfigureAwait(false);
            throw new EnclaveExitedException(awaited(), exit, enclave.Console.Log.Tail(), Evidence.Of(enclave));
        }
    }
}
