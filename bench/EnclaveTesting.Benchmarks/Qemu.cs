using System.Globalization;
using EnclaveTesting.Engine.Eif;

namespace EnclaveTesting.Benchmarks;

/// <summary>Debian's QEMU with its small machine, which is what comes closest to ours.</summary>
internal static class Qemu
{
    public const string Program = "qemu-system-x86_64";

    /// <summary>Its version; null where it is not installed.</summary>
    public static string? Version { get; } = Tool.FirstLine(Program, "--version");

    /// <summary>
    /// Boots an image's kernel and ramdisks with the image's command line. Without ACPI: with it this machine under TCG has no timer that
    /// Debian's kernel can use, and stands still.
    /// </summary>
    /// <param name="image">The image.</param>
    /// <param name="until">The text of the console that ends the run.</param>
    /// <param name="line">Called for each line, with the milliseconds of processor time until then.</param>
    /// <param name="extra">Appended to the command line.</param>
    /// <returns>From the start of the process until then.</returns>
    public static Task<BootTime> BootAsync(LinuxImage image, string until, Action<string, double>? line = null, string extra = "")
    {
        using EifImage eif = EifImage.Open(image.Path);
        string[] arguments =
        [
            "-M", "microvm,accel=tcg,acpi=off", "-nodefaults", "-no-user-config", "-display", "none", "-serial", "stdio", "-no-reboot",
            "-m", LinuxImages.MemoryMiB.ToString(CultureInfo.InvariantCulture), "-kernel", image.Kernel, "-initrd", image.Initrd, "-append", $"{eif.CommandLine} {extra}",
        ];
        return Tool.RunUntilAsync(Program, arguments, until, line);
    }

    /// <summary>Boots one of the bare-metal guests on KVM.</summary>
    public static Task<BootTime> BootBareMetalAsync(string kernel, string until) => Tool.RunUntilAsync(
        Program,
        ["-M", "microvm,accel=kvm", "-nodefaults", "-no-user-config", "-display", "none", "-serial", "stdio", "-m", "8", "-kernel", kernel, "-append", "console=ttyS0"],
        until);
}
