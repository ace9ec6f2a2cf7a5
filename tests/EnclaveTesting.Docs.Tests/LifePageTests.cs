using EnclaveTesting.Engine.Eif;
using EnclaveTesting.Engine.Machine;

namespace EnclaveTesting.Docs.Tests;

/// <summary>The code of docs/getting-started.md about the life of an enclave and about images.</summary>
public class LifePageTests
{
    #region life
    [Fact]
    public async Task The_life_of_an_enclave()
    {
        await using Enclave enclave = new EnclaveBuilder()
            .WithImage("hello.eif")
            .BeforeStart((_, _) => Task.CompletedTask)                  // start what the enclave will need
            .AfterStart((ready, stop) => ready.Client<string, string>(port: 5001, Codec.Lines).SendAsync("console warmed up", stop))
            .WaitFor(Wait.ForPort(5001))
            .Build();
        enclave.Ended += (_, exit) => Console.Error.WriteLine(exit);    // however it ends

        await enclave.StartAsync();                                     // takes a CancellationToken, as everything that waits does
        enclave.State.Should().Be(EnclaveState.Running);

        VmExit exit = await enclave.StopAsync();                        // WaitForExitAsync waits until it ends by itself
        exit.Reason.Should().Be(VmExitReason.Stopped);
        enclave.Exited.IsCompleted.Should().BeTrue();
    }
    #endregion

    #region look
    [Fact]
    public void An_image_is_what_it_should_be()
    {
        using EifImage image = EifImage.Open("hello.eif");

        EifMeasurements pcrs = image.Verify();                          // Pcr0, Pcr1, Pcr2, Pcr8 and Crc32; throws if the image is damaged
        pcrs.Pcr0.IsZero.Should().BeFalse();
        image.CommandLine.Should().Contain("console=ttyS0");
        image.DefaultMemory.Should().Be(64 << 20);
        image.DefaultCpus.Should().Be(1);
        image.Metadata!.ImageName.Should().Be("hello");
        image.Signature.Should().BeNull();                              // else Signature.Verify(pcrs, time) and Signature.CertificatePem
    }
    #endregion
}
