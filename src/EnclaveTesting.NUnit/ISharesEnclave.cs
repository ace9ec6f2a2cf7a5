namespace EnclaveTesting.NUnit;

/// <summary>A test class whose enclave belongs to a fixture of its namespace or assembly.</summary>
internal interface ISharesEnclave
{
    /// <summary>The fixture; null if there is none.</summary>
    EnclaveFixture? Fixture { get; }
}
