using System.CommandLine;
using EnclaveTesting.Engine.Eif;

namespace EnclaveTesting.Cli;

/// <summary><c>enclave sign</c>: signs an image, replacing a signature it has.</summary>
internal static class SignCommand
{
    public static Command Create(CommandContext context)
    {
        var image = new Argument<string>("image") { Description = "Path of the enclave image (EIF)." };
        var output = new Option<string?>("--output", "-o") { Description = "Where to write the signed image; by default in place." };
        var signing = new SigningOptions(required: true);
        var command = new Command("sign", $"""
            Sign an enclave image over its PCR0 and print its measurements. PCR0, PCR1 and PCR2 stay as they are.

            {ExitCode.Help}
            """) { image, output };
        signing.AddTo(command);
        command.SetAction(async (arguments, cancellationToken) =>
        {
            string path = arguments.GetRequiredValue(image);
            using var source = EifImage.Open(path);
            source.Verify();
            var builder = await signing.ApplyAsync(EifBuilder.From(source), arguments, cancellationToken).ConfigureAwait(false);
            var measurements = await OutputFile.WriteAsync(arguments.GetValue(output) ?? path, builder, cancellationToken).ConfigureAwait(false);
            await context.Output.WriteLineAsync(ImageDescription.MeasurementsToJson(measurements)).ConfigureAwait(false);
            return ExitCode.Ok;
        });
        return command;
    }
}
