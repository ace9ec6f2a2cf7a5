using System.CommandLine;
using EnclaveTesting.Engine.Eif;

namespace EnclaveTesting.Cli;

/// <summary><c>enclave describe IMAGE [--json]</c>, the counterpart of <c>nitro-cli describe-eif</c>.</summary>
internal static class DescribeCommand
{
    public static Command Create(CommandContext context)
    {
        var image = new Argument<string>("image") { Description = "Path of the enclave image (EIF)." };
        var json = new Option<bool>("--json") { Description = "Print JSON with the field names of nitro-cli describe-eif, and architecture, defaults and sections." };
        var command = new Command("describe", $"""
            Show what an enclave image holds and check its CRC and signature.

            {ExitCode.Help}
            """) { image, json };
        command.SetAction(result => Run(context, result.GetRequiredValue(image), result.GetValue(json)));
        return command;
    }

    private static int Run(CommandContext context, string path, bool json)
    {
        using var image = EifImage.Open(path);
        var description = ImageDescription.Of(image, DateTimeOffset.UtcNow);
        if (json)
            context.Output.WriteLine(description.ToJson());
        else
            description.WriteTo(context.Output);
        if (!description.CrcIsValid)
            context.Error.WriteLine($"enclave: {path}: the CRC is wrong: the header says 0x{image.Crc32:x8}, the content has 0x{description.Measurements.Crc32:x8}");
        if (description.SignatureProblems is not (null or EifSignatureProblems.None))
            context.Error.WriteLine($"enclave: {path}: the signature does not hold: {description.SignatureProblems}");
        return description.IsGood ? ExitCode.Ok : ExitCode.BadImage;
    }
}
