using NUnit.Framework;

namespace EnclaveTesting.NUnit;

/// <summary>
/// A test, or all tests of a class, each with an enclave of its own: a clone of the class's or the fixture's as it stood when the first of them
/// began (<see cref="Isolation.PerTest"/>).
/// </summary>
[AttributeUsage(AttributeTargets.Method | AttributeTargets.Class)]
public sealed class IsolatedEnclaveAttribute : NUnitAttribute;
