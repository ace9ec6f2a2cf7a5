namespace EnclaveTesting;

/// <summary>Begins assertions about an enclave, what it printed, and what it did at its parent.</summary>
public static class ShouldExtensions
{
    /// <summary>Asserts about an enclave.</summary>
    public static EnclaveAssertions Should(this Enclave enclave) => new(enclave);

    /// <summary>Asserts about a fixture's enclave.</summary>
    public static EnclaveAssertions Should(this EnclaveFixtureBase fixture) => new(fixture?.Enclave!);

    /// <summary>Asserts about all that an enclave has printed so far.</summary>
    public static ConsoleAssertions Should(this EnclaveConsole console) => new(console?.All!);

    /// <summary>Asserts about a part of what an enclave has printed.</summary>
    public static ConsoleAssertions Should(this ConsoleView view) => new(view);

    /// <summary>Asserts about what an enclave did at its parent.</summary>
    public static ParentAssertions Should(this ParentInstance parent) => new(parent);
}
