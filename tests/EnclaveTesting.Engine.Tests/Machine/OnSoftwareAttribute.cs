using System.Reflection;
using EnclaveTesting.Engine.Accelerators;
using Xunit.Sdk;

namespace EnclaveTesting.Engine.Tests.Machine;

/// <summary>A row of a theory, led by <see cref="Accelerator.Software"/>.</summary>
[AttributeUsage(AttributeTargets.Method, AllowMultiple = true)]
public sealed class OnSoftwareAttribute(params object[] arguments) : DataAttribute
{
    public override IEnumerable<object[]> GetData(MethodInfo testMethod) => [[Accelerator.Software, .. arguments]];
}
