using System.Diagnostics;

namespace EnclaveTesting.Cli.Tests;

/// <summary>A test that runs the tool as somebody who may not use KVM; skipped where that is impossible.</summary>
public sealed class UnprivilegedFactAttribute : FactAttribute
{
    // Before what needs it: initializers run in this order.
    private static readonly string[] Options = ["--reuid=65534", "--regid=65534", "--clear-groups"];
    private static readonly string? Why = Find();

    public UnprivilegedFactAttribute() => Skip = Why;

    /// <summary>setpriv's options.</summary>
    public static string[] Prefix => Options;

    private static string? Find()
    {
        if (!OperatingSystem.IsLinux() || !Environment.IsPrivilegedProcess)
            return "Needs root, to be somebody else.";
        if (!File.Exists("/dev/kvm") || (File.GetUnixFileMode("/dev/kvm") & UnixFileMode.OtherWrite) != 0)
            return "Needs a /dev/kvm that not everybody may use.";
        try
        {
            using var process = Process.Start(new ProcessStartInfo("setpriv", [.. Prefix, "dotnet", ToolProcess.Path, "--version"]) { RedirectStandardOutput = true, RedirectStandardError = true })!;
            process.StandardOutput.ReadToEnd();
            process.WaitForExit();
            return process.ExitCode == 0 ? null : "An unprivileged user cannot run the tool from here.";
        }
        catch (System.ComponentModel.Win32Exception)
        {
            return "Needs setpriv.";
        }
    }
}
