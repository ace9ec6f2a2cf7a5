using System.Text.RegularExpressions;
using EnclaveTesting.Engine.Machine;

namespace EnclaveTesting;

/// <summary>
/// Assertions about enclaves for any test framework. The package EnclaveTesting.FluentAssertions has the same, with the same messages, behind
/// <c>Should()</c>. None of them waits unless its name ends in Async.
/// </summary>
public static class EnclaveAssert
{
    /// <summary>Asserts that the enclave's heartbeat has come.</summary>
    /// <returns>When, since the enclave was started.</returns>
    /// <exception cref="EnclaveAssertionException">It has not; the message shows the connections to the parent and the console's tail.</exception>
    public static TimeSpan AssertHeartbeat(this Enclave enclave) => EnclaveFindings.Heartbeat(NotNull(enclave)).OrThrow();

    /// <summary>Asserts that the enclave is ready and has not ended.</summary>
    /// <exception cref="EnclaveAssertionException">It is not; the message says how it ended.</exception>
    public static void AssertRunning(this Enclave enclave) => EnclaveFindings.Running(NotNull(enclave)).OrThrow();

    /// <summary>Asserts that the enclave has ended for a reason.</summary>
    /// <returns>How it ended.</returns>
    /// <exception cref="EnclaveAssertionException">It has not ended, or for another reason.</exception>
    public static VmExit AssertExited(this Enclave enclave, VmExitReason reason) => EnclaveFindings.Exited(NotNull(enclave), reason).OrThrow()!;

    /// <summary>Waits until the enclave ends, and asserts for which reason.</summary>
    /// <param name="enclave">The enclave.</param>
    /// <param name="reason">The reason.</param>
    /// <param name="timeout">How long to wait; the enclave's operation timeout unless given.</param>
    /// <param name="cancellationToken">Ends the wait.</param>
    /// <returns>How it ended.</returns>
    /// <exception cref="EnclaveAssertionException">It did not end in time, or for another reason.</exception>
    public static async Task<VmExit> AssertExitsAsync(this Enclave enclave, VmExitReason reason, TimeSpan? timeout = null, CancellationToken cancellationToken = default) =>
        (await EnclaveFindings.ExitsAsync(NotNull(enclave), reason, timeout, cancellationToken).ConfigureAwait(false)).OrThrow()!;

    /// <summary>Asserts that a line contains a text.</summary>
    /// <returns>The first such line.</returns>
    /// <exception cref="EnclaveAssertionException">None does; the message shows the last lines.</exception>
    public static string AssertLine(this ConsoleView view, string text) => ConsoleFindings.Line(NotNull(view), text).OrThrow();

    /// <summary>Asserts that a line matches a pattern.</summary>
    /// <inheritdoc cref="AssertLine(ConsoleView, string)"/>
    public static string AssertLine(this ConsoleView view, Regex pattern) => ConsoleFindings.Line(NotNull(view), pattern).OrThrow();

    /// <summary>Asserts that there are lines that contain these texts, one line for each, in this order; others may stand between them.</summary>
    /// <exception cref="EnclaveAssertionException">There are not; the message says which is the first that is missing.</exception>
    public static void AssertLinesInOrder(this ConsoleView view, params IReadOnlyList<string> texts) => ConsoleFindings.LinesInOrder(NotNull(view), texts).OrThrow();

    /// <summary>Asserts that no line contains a text.</summary>
    /// <exception cref="EnclaveAssertionException">One does; the message shows it.</exception>
    public static void AssertNoLine(this ConsoleView view, string text) => ConsoleFindings.NoLine(NotNull(view), text).OrThrow();

    /// <summary>Asserts that no line matches a pattern.</summary>
    /// <inheritdoc cref="AssertNoLine(ConsoleView, string)"/>
    public static void AssertNoLine(this ConsoleView view, Regex pattern) => ConsoleFindings.NoLine(NotNull(view), pattern).OrThrow();

    /// <inheritdoc cref="AssertLine(ConsoleView, string)"/>
    public static string AssertLine(this EnclaveConsole console, string text) => NotNull(console).All.AssertLine(text);

    /// <inheritdoc cref="AssertLine(ConsoleView, Regex)"/>
    public static string AssertLine(this EnclaveConsole console, Regex pattern) => NotNull(console).All.AssertLine(pattern);

    /// <inheritdoc cref="AssertLinesInOrder(ConsoleView, IReadOnlyList{string})"/>
    public static void AssertLinesInOrder(this EnclaveConsole console, params IReadOnlyList<string> texts) => NotNull(console).All.AssertLinesInOrder(texts);

    /// <inheritdoc cref="AssertNoLine(ConsoleView, string)"/>
    public static void AssertNoLine(this EnclaveConsole console, string text) => NotNull(console).All.AssertNoLine(text);

    /// <inheritdoc cref="AssertNoLine(ConsoleView, Regex)"/>
    public static void AssertNoLine(this EnclaveConsole console, Regex pattern) => NotNull(console).All.AssertNoLine(pattern);

    /// <summary>Asserts that a connection to a port of the parent brought a text, in UTF-8, somewhere among its first 64 KiB.</summary>
    /// <returns>The first such connection.</returns>
    /// <exception cref="EnclaveAssertionException">None did; the message shows the connections and the console's tail.</exception>
    public static ParentConnection AssertReceived(this ParentInstance parent, uint port, string text) => ParentFindings.Received(NotNull(parent), port, NotNull(text)).OrThrow()!;

    /// <summary>Asserts that a connection to a port of the parent brought some bytes, somewhere among its first 64 KiB.</summary>
    /// <inheritdoc cref="AssertReceived(ParentInstance, uint, string)"/>
    public static ParentConnection AssertReceived(this ParentInstance parent, uint port, ReadOnlyMemory<byte> bytes) => ParentFindings.Received(NotNull(parent), port, bytes).OrThrow()!;

    /// <summary>Asserts how many connections to a port of the parent there were.</summary>
    /// <returns>The connections, oldest first.</returns>
    /// <exception cref="EnclaveAssertionException">There were more or fewer.</exception>
    public static IReadOnlyList<ParentConnection> AssertConnections(this ParentInstance parent, uint port, int count) =>
        ParentFindings.Connections(NotNull(parent), port, count).OrThrow();

    private static T NotNull<T>(T value)
        where T : class
    {
        ArgumentNullException.ThrowIfNull(value);
        return value;
    }
}
