using System.CommandLine;
using EnclaveTesting.Engine.Eif;

namespace EnclaveTesting.Cli;

/// <summary><c>enclave extract</c>: writes the sections of an image as files.</summary>
internal static class ExtractCommand
{
    public static Command Create(CommandContext context)
    {
        var image = new Argument<string>("image") { Description = "Path of the enclave image (EIF)." };
        var output = new Option<string>("--output", "-o") { Description = "Directory for the files; made if it is not there. Files in it are never overwritten.", Required = true };
        var command = new Command("extract", $"""
            Write the sections of an enclave image as files: kernel, cmdline, ramdisk0, ramdisk1, ..., metadata.json, signature.cbor.

            {ExitCode.Help}
            """) { image, output };
        command.SetAction(arguments => Run(context, arguments.GetRequiredValue(image), arguments.GetRequiredValue(output)));
        return command;
    }

    private static int Run(CommandContext context, string path, string directory)
    {
        using var image = EifImage.Open(path);
        Directory.CreateDirectory(directory);
        var files = new Dictionary<EifSection, FileStream>();
        bool complete = false;
        try
        {
            foreach (var section in image.Sections)
                files.Add(section, new FileStream(Path.Combine(directory, FileName(image, section)), FileMode.CreateNew, FileAccess.Write, FileShare.None, bufferSize: 0));
            image.Verify((section, _, chunk) => files[section].Write(chunk));
            foreach (var file in files.Values)
                context.Output.WriteLine(file.Name);
            complete = true;
        }
        finally
        {
            foreach (var file in files.Values)
            {
                file.Dispose();
                if (!complete)
                    File.Delete(file.Name);
            }
        }

        return ExitCode.Ok;
    }

    private static string FileName(EifImage image, EifSection section) => section.Type switch
    {
        EifSectionType.Kernel => "kernel",
        EifSectionType.CommandLine => "cmdline",
        EifSectionType.Ramdisk => $"ramdisk{image.Ramdisks.ToList().IndexOf(section)}",
        EifSectionType.Metadata => "metadata.json",
        EifSectionType.Signature => "signature.cbor",
        _ => $"section{section.Index}-type{(int)section.Type}",
    };
}
