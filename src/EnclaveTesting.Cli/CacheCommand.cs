using System.CommandLine;
using System.Globalization;
using EnclaveTesting.Engine.State;

namespace EnclaveTesting.Cli;

/// <summary><c>enclave cache</c>: the booted enclaves that tests keep on disk.</summary>
internal static class CacheCommand
{
    private const double MiB = 1 << 20;

    public static Command Create(CommandContext context)
    {
        var list = new Command("list", "List the saved enclaves, most recently used first.");
        list.SetAction(_ => List(context));
        var clear = new Command("clear", "Delete all saved enclaves.");
        clear.SetAction(_ => Clear(context));
        var path = new Command("path", "Print the cache's directory.");
        path.SetAction(_ => PrintPath(context));
        return new Command("cache", $"""
            Show and clear the booted enclaves that tests keep (EnclaveBuilder.WithSnapshot).

            {SnapshotCache.DirectoryVariable} names another directory, or is "off"; {SnapshotCache.SizeVariable} limits the size in MiB (4096).

            {ExitCode.Help}
            """)
        {
            list,
            clear,
            path,
        };
    }

    private static int List(CommandContext context)
    {
        if (Find(context) is not { } cache)
            return ExitCode.Ok;
        IReadOnlyList<FileInfo> files = cache.List();
        foreach (FileInfo file in files)
            context.Output.WriteLine(Describe(file));
        context.Output.WriteLine(Format($"{files.Count} saved, {files.Sum(file => file.Length) / MiB:F1} MiB in {cache.Path}"));
        return ExitCode.Ok;
    }

    private static int Clear(CommandContext context)
    {
        if (Find(context) is { } cache)
            context.Output.WriteLine(Format($"{cache.Clear() / MiB:F1} MiB deleted from {cache.Path}"));
        return ExitCode.Ok;
    }

    private static int PrintPath(CommandContext context)
    {
        if (Find(context) is { } cache)
            context.Output.WriteLine(cache.Path);
        return ExitCode.Ok;
    }

    private static SnapshotCache? Find(CommandContext context)
    {
        SnapshotCache? cache = SnapshotCache.FromEnvironment();
        if (cache is null)
        {
            context.Error.WriteLine(string.IsNullOrEmpty(Environment.GetEnvironmentVariable(SnapshotCache.DirectoryVariable))
                ? $"enclave: there is no cache: the user has no home, and {SnapshotCache.DirectoryVariable} names no directory"
                : $"enclave: the cache is switched off ({SnapshotCache.DirectoryVariable}=off)");
        }

        return cache;
    }

    private static string Describe(FileInfo file)
    {
        string what;
        try
        {
            MachineDescription saved = SnapshotFile.Describe(file.FullName);
            what = Format($"{saved.Accelerator}, {saved.MemoryBytes >> 20} MiB, {saved.Cpus} vCPUs, {saved.Name}");
        }
        catch (StateFormatException exception)
        {
            what = $"of no use: expected {exception.Expected}, found {exception.Found}";
        }
        catch (Exception exception) when (exception is IOException or UnauthorizedAccessException)
        {
            // Another process may have deleted it meanwhile.
            what = $"cannot be read: {exception.Message}";
        }

        return Format($"{Path.GetFileNameWithoutExtension(file.Name)}  {file.LastWriteTime:yyyy-MM-dd HH:mm}  {file.Length / MiB,7:F1} MiB  {what}");
    }

    private static string Format(FormattableString text) => text.ToString(CultureInfo.InvariantCulture);
}
