using Microsoft.Extensions.Logging;
using Microsoft.Extensions.Logging.Abstractions;

namespace EnclaveTesting.Tests.Lifecycle;

/// <summary>Loggers that log nothing; whoever asks for that of a class waits until the test opens the gate.</summary>
internal sealed class GateKeeper(string className) : ILoggerFactory
{
    private readonly TaskCompletionSource _reached = new(TaskCreationOptions.RunContinuationsAsynchronously);
    private readonly TaskCompletionSource _open = new(TaskCreationOptions.RunContinuationsAsynchronously);

    /// <summary>Completes when somebody stands at the gate.</summary>
    public Task Reached => _reached.Task;

    public void Open() => _open.TrySetResult();

    public ILogger CreateLogger(string categoryName)
    {
        if (categoryName.EndsWith("." + className, StringComparison.Ordinal))
        {
            _reached.TrySetResult();
            _open.Task.Wait();
        }

        return NullLogger.Instance;
    }

    public void AddProvider(ILoggerProvider provider)
    {
    }

    public void Dispose() => Open();
}
