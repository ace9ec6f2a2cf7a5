namespace EnclaveTesting.Testcontainers.Tests;

/// <summary>The bare-metal guest <c>hello</c>, which connects to its parent when it is told to.</summary>
internal static class Guest
{
    public static Enclave Hello(Action<ParentBuilder> parent) =>
        new EnclaveBuilder().WithImage("hello.eif").WithParent(parent).WaitFor(Wait.ForPort(5001)).Build();

    public static async Task<string> SendAsync(this Enclave enclave, string command)
    {
        await using EnclaveConnection connection = await enclave.ConnectAsync(5001);
        return await connection.AskAsync(command);
    }

    /// <summary>Why the first connection to a port of the parent failed.</summary>
    public static async Task<string?> FailureAsync(this Enclave enclave, uint port)
    {
        try
        {
            await (await enclave.Parent.WaitForConnectionAsync(port)).Ended;
        }
        catch (ParentExpectationException)
        {
            // It had failed already.
        }

        return enclave.Parent.ConnectionsTo(port)[0].Failure?.Message;
    }
}
