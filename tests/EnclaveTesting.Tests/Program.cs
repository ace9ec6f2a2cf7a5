using EnclaveTesting.Engine.Accelerators;
using EnclaveTesting.Engine.State;
using EnclaveTesting.Tests.Cloning;
using EnclaveTesting.Tests.Lifecycle;

namespace EnclaveTesting.Tests;

/// <summary>
/// What tests start in other processes: <c>saved-boot DIRECTORY</c> starts an enclave with a cache there and says what it does; a boot waits for the
/// end of the standard input. Test runners do not come here.
/// </summary>
internal static class Program
{
    public const string SavedBoot = "saved-boot", Boots = "boots", Booted = "booted", Restored = "restored";

    private static async Task<int> Main(string[] arguments)
    {
        if (arguments is not [SavedBoot, var directory])
            return 2;
        await using Enclave enclave = Guest.Of("hello").WithAccelerator(Accelerator.Software).WithStartupTimeout(TimeSpan.FromMinutes(10))
            .WithParent(parent => parent.Port(9001).Expect("ready\n"))
            .WithSnapshot(Wait.Until("it may be saved", async (enclave, token) =>
            {
                await enclave.Parent.WaitForConnectionAsync(9001, TimeSpan.FromMinutes(10), token);
                System.Console.WriteLine(Boots);
                await System.Console.In.ReadToEndAsync(token);
            }))
            .WithSnapshotStore(new SnapshotStore(() => new SnapshotCache(directory)))
            .Build();
        await enclave.StartAsync();
        System.Console.WriteLine(enclave.WasRestored ? Restored : Booted);
        System.Console.WriteLine(await enclave.CommandAsync("ping"));
        return 0;
    }
}
