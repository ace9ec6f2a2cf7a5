using Microsoft.Extensions.Logging;

namespace EnclaveTesting.Engine.Machine;

/// <summary>
/// A logger whose failures are nobody's: machines log from threads of their own, some after the test whose output it is has ended,
/// and what a log throws there would end the process.
/// </summary>
internal sealed class ForgivingLogger(ILogger inner) : ILogger
{
    /// <inheritdoc/>
    public IDisposable? BeginScope<TState>(TState state)
        where TState : notnull => inner.BeginScope(state);

    /// <inheritdoc/>
    public bool IsEnabled(LogLevel logLevel) => inner.IsEnabled(logLevel);

    /// <inheritdoc/>
    public void Log<TState>(LogLevel logLevel, EventId eventId, TState state, Exception? exception, Func<TState, Exception?, string> formatter)
    {
        try
        {
            inner.Log(logLevel, eventId, state, exception, formatter);
        }
        catch (Exception)
        {
            // There is nowhere to say so.
        }
    }
}
