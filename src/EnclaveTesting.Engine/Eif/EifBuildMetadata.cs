namespace EnclaveTesting.Engine.Eif;

/// <summary>How an image was built, as its builder noted it. Free text; nothing here is trusted or measured.</summary>
/// <param name="BuildTime">When, in RFC 3339.</param>
/// <param name="BuildTool">The tool's name, "nitro-cli" for example.</param>
/// <param name="BuildToolVersion">The tool's version.</param>
/// <param name="OperatingSystem">The kernel's operating system, "Linux".</param>
/// <param name="KernelVersion">The kernel's version.</param>
public sealed record EifBuildMetadata(
    string BuildTime = "",
    string BuildTool = "",
    string BuildToolVersion = "",
    string OperatingSystem = "",
    string KernelVersion = "");
