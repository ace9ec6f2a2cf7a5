using System.Runtime.CompilerServices;

namespace EnclaveTesting.Docs.Tests;

#region snapshot
public sealed class SavedApp : EnclaveFixture
{
    protected override EnclaveBuilder Configure(EnclaveBuilder enclave) => enclave
        .WithImage("hello.eif")
        .WithParent(parent => parent.Port(9001).Expect("ready\n"))
        .WaitFor(Wait.ForParentPort(9001))
        .WithSnapshot(After.Heartbeat);
}
#endregion

#region isolation
public class IsolatedTests(SavedApp enclave) : IClassFixture<SavedApp>
{
    [EnclaveFact(Isolation = Isolation.PerTest)]
    public async Task May_break_its_enclave()
    {
        await enclave.Client<string, string>(port: 5001, Codec.Lines).SendAsync("console this clone alone prints it");
        await enclave.Console.WaitForLineAsync("this clone alone prints it");
    }

    [EnclaveFact(Isolation = Isolation.PerTest)]
    public void Sees_nothing_of_the_others() => enclave.Console.ApplicationLog.Text.Should().NotContain("alone");
}
#endregion

/// <summary>The code of docs/cloning.md.</summary>
public class CloningPageTests
{
    // Not in the cache of whoever runs the tests.
    [ModuleInitializer]
    internal static void UseOwnCache() => Environment.SetEnvironmentVariable("ENCLAVE_CACHE", Path.Combine(AppContext.BaseDirectory, "cache"));

    #region clone
    [Fact]
    public async Task Both_go_on()
    {
        await using Enclave enclave = new EnclaveBuilder().WithImage("hello.eif").WaitFor(Wait.ForPort(5001)).Build();
        await enclave.StartAsync();

        await using Enclave clone = await enclave.CloneAsync();

        (await clone.Client<string, string>(port: 5001, Codec.Lines).SendAsync("ping")).Should().Be("pong");
        (await enclave.Client<string, string>(port: 5001, Codec.Lines).SendAsync("ping")).Should().Be("pong");
    }
    #endregion
}
