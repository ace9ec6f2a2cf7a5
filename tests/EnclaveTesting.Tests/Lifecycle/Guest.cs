using EnclaveTesting.Engine.Eif;

namespace EnclaveTesting.Tests.Lifecycle;

/// <summary>Enclaves of the checked-in bare-metal guests.</summary>
internal static class Guest
{
    public static EnclaveBuilder Of(string guest) => new EnclaveBuilder().WithName(guest).WithImage(Image(guest)).WithStartupTimeout(TimeSpan.FromSeconds(60));

    public static EifBuilder Image(string guest) => new EifBuilder()
        .WithKernel(Path.Combine(AppContext.BaseDirectory, "guests", guest + ".elf"))
        .WithCommandLine("console=ttyS0")
        .WithDefaultMemory(8 << 20)
        .WithDefaultCpus(1)
        .AddRamdisk(new byte[512]);

    /// <summary><c>hello</c>, ready: heartbeat answered, readiness told.</summary>
    public static async Task<Enclave> StartHelloAsync(Func<EnclaveBuilder, EnclaveBuilder>? change = null)
    {
        EnclaveBuilder builder = Of("hello").WithParent(parent => parent.Port(9001).Expect("ready\n")).WaitFor(Wait.ForHeartbeat().And(Wait.ForParentPort(9001)));
        Enclave enclave = (change is null ? builder : change(builder)).Build();
        await enclave.StartAsync();
        return enclave;
    }

    /// <summary>The first connection to a port of the parent, when it is over.</summary>
    public static async Task<ParentConnection> EndedAsync(this Enclave enclave, uint port)
    {
        await enclave.Parent.WaitForConnectionAsync(port).ContinueWith(_ => { }, TaskScheduler.Default);
        ParentConnection connection = enclave.Parent.ConnectionsTo(port)[0];
        await connection.Ended;
        return connection;
    }

    /// <summary>Sends <c>hello</c> a command and gives its answer.</summary>
    public static async Task<string> CommandAsync(this Enclave enclave, string command)
    {
        await using EnclaveConnection connection = await enclave.ConnectAsync(5001);
        return await connection.AskAsync(command);
    }
}
