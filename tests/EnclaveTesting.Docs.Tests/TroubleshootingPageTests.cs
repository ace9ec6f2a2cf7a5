using EnclaveTesting.Engine.Accelerators;

namespace EnclaveTesting.Docs.Tests;

/// <summary>The code of docs/troubleshooting.md.</summary>
public class TroubleshootingPageTests
{
    #region accelerator
    [Fact]
    public void What_this_machine_can_run()
    {
        string? whyNot = AcceleratorSupport.WhyNot(Accelerator.Kvm);            // null, or the reason and how to mend it

        (whyNot is null || whyNot.Length > 0).Should().BeTrue();
    }
    #endregion

    #region cpu_template
    [EnclaveFact]
    public async Task The_same_processor_everywhere()
    {
        await using Enclave enclave = new EnclaveBuilder()
            .WithImage("hello.eif")
            .WithCpuTemplate(CpuTemplate.V3)                                    // Baseline, V2, V3: the levels of x86-64; or Host
            .Build();

        await enclave.StartAsync();
    }
    #endregion

    #region unpacking
    [EnclaveFact]
    public async Task As_on_a_real_host_to_the_first_instruction()
    {
        await using Enclave enclave = new EnclaveBuilder()
            .WithImage(LinuxPageTests.LinuxApp.Image)
            .WithDecompression(false)                                           // the kernel unpacks itself and its ramdisks
            .Build();

        await enclave.StartAsync();
    }
    #endregion

    #region assist
    [EnclaveFact]
    public async Task With_nothing_but_what_KVM_itself_executes()
    {
        await using Enclave enclave = new EnclaveBuilder()
            .WithImage("hello.eif")
            .WithSoftwareAssist(false)
            .Build();

        await enclave.StartAsync();
    }
    #endregion

    #region not_ready
    [Fact]
    public async Task An_enclave_that_does_not_become_ready()
    {
        await using Enclave enclave = new EnclaveBuilder()
            .WithImage("hello.eif")
            .WithParent(parent => parent.Port(9001).Expect("ready\n"))
            .WaitFor(Wait.ForHeartbeat().And(Wait.ForPort(1234)))               // where nobody listens
            .WithCommandLine("hello.exit_after_ready")                          // with which this enclave ends
            .Build();

        var exception = await Assert.ThrowsAsync<EnclaveBootException>(() => enclave.StartAsync());

        exception.Message.Should().Contain("[came]    the heartbeat").And.Contain("[missing] port 1234 of the enclave");
    }
    #endregion
}
