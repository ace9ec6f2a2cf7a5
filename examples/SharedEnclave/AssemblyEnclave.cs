using SharedEnclave;

[assembly: AssemblyFixture(typeof(AssemblyEnclave))]

namespace SharedEnclave;

/// <summary>Boots once for all test classes of the assembly, whatever collections they are in.</summary>
public sealed class AssemblyEnclave : EnclaveFixture
{
    private static int _boots;

    /// <summary>How often this fixture was booted in the process; here so that the tests can show that it is once.</summary>
    public static int Boots => _boots;

    protected override EnclaveBuilder Configure(EnclaveBuilder enclave)
    {
        Interlocked.Increment(ref _boots);
        return enclave.WithImage("hello.eif").WaitFor(Wait.ForPort(5001));
    }
}
