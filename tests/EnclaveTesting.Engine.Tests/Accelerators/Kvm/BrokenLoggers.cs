using Microsoft.Extensions.Logging;

namespace EnclaveTesting.Engine.Tests.Accelerators.Kvm;

/// <summary>Loggers that throw, as those of a test framework do after the test.</summary>
internal sealed class BrokenLoggers : ILoggerFactory, ILogger
{
    public void AddProvider(ILoggerProvider provider) => throw new NotSupportedException();

    public ILogger CreateLogger(string categoryName) => this;

    public IDisposable? BeginScope<TState>(TState state)
        where TState : notnull => null;

    public bool IsEnabled(LogLevel logLevel) => true;

    public void Log<TState>(LogLevel logLevel, EventId eventId, TState state, Exception? exception, Func<TState, Exception?, string> formatter) =>
        throw new InvalidOperationException("There is no currently active test.");

    public void Dispose()
    {
    }
}
