namespace EnclaveTesting;

/// <summary>Which enclave of a fixture a test gets.</summary>
public enum Isolation
{
    /// <summary>The fixture's own, with all that other tests have done to it.</summary>
    Shared,

    /// <summary>
    /// A clone, for this test alone. All begin with the fixture's enclave as it stood when the first of them began: what is done to one clone, or to
    /// the fixture's enclave later, no other clone sees.
    /// </summary>
    PerTest,
}
