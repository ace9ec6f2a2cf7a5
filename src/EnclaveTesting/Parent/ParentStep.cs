namespace EnclaveTesting;

/// <summary>One step of a script.</summary>
/// <param name="Description">For messages: expect "ready\n".</param>
/// <param name="IsExpectation">Whether it waits for something the enclave has to do.</param>
/// <param name="RunAsync">Carries it out; throws <see cref="ParentExpectationException"/> if the enclave does something else.</param>
internal sealed record ParentStep(string Description, bool IsExpectation, Func<ParentPeer, Action, CancellationToken, Task> RunAsync)
{
    /// <summary>Whether it makes a connection, which may fail, and calls its action when that stands.</summary>
    public bool IsConnection { get; init; }
}
