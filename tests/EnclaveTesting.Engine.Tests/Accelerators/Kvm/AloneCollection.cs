namespace EnclaveTesting.Engine.Tests.Accelerators.Kvm;

/// <summary>Tests that look at what the whole process holds, or limit it: nothing else runs beside them.</summary>
[CollectionDefinition(Name, DisableParallelization = true)]
public sealed class AloneCollection
{
    public const string Name = "alone";
}
