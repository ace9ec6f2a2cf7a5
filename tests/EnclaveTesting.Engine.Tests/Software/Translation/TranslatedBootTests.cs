using EnclaveTesting.Engine.Accelerators;
using EnclaveTesting.Engine.Accelerators.Software.Cpu.Translation;
using EnclaveTesting.Engine.Machine;
using EnclaveTesting.Engine.Tests.Machine;

namespace EnclaveTesting.Engine.Tests.Software.Translation;

/// <summary>Linux boots the same, to the instruction: its log tells the virtual time of each line, which is the count of instructions.</summary>
public class TranslatedBootTests
{
    [Fact]
    public async Task Linux_boots_at_the_same_times_whatever_is_translated()
    {
        string interpreted = await BootAsync(TranslationMode.Off);

        (await BootAsync(TranslationMode.Background)).Should().Be(interpreted);
        (await BootAsync(TranslationMode.Eager)).Should().Be(interpreted);
        interpreted.Should().MatchRegex(@"\[ +\d+\.\d{6}\] Run /init");
    }

    /// <summary>Without an answer to its heartbeat the guest's init gives up: nothing from outside gets into the boot.</summary>
    private static async Task<string> BootAsync(TranslationMode mode)
    {
        await using BareMetalGuest linux = BareMetalGuest.Start(LinuxGuest.Image(), new MicroVmOptions
        {
            Accelerator = Accelerator.Software,
            Time = MachineTime.Virtual,
            Seed = 5,
            ExtraCommandLine = "panic=-1",
            Translation = mode,
        });
        (await linux.ExitAsync()).Reason.Should().Be(VmExitReason.Panic);
        return linux.Console;
    }
}
