namespace EnclaveTesting.NUnit;

/// <summary>
/// A test class with an enclave of its own, which boots before its first test. When a test fails, its output shows the enclave's console and
/// names the files that were written about it.
/// </summary>
[ReportsEnclaves]
public abstract class EnclaveTestBase : EnclaveFixture;
