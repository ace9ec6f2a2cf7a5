using System.Diagnostics;
using System.Globalization;
using System.Runtime.InteropServices;
using System.Text.Json;
using Spectre.Console;

namespace EnclaveTesting.Benchmarks.Suite;

/// <summary>Everything a user may want to know of this project's speed, with peers measured in the same run; a table, a JSON file and a plot.</summary>
internal static class BenchmarkSuite
{
    private const string DefaultFile = "artifacts/benchmarks.json";

    private static readonly JsonSerializerOptions JsonOptions = new(JsonSerializerDefaults.Web) { WriteIndented = true, Converters = { new System.Text.Json.Serialization.JsonStringEnumConverter() } };

    private static readonly (string Name, Func<SuiteContext, List<Row>, Task> Run)[] Parts =
    [
        ("start", StartRows.RunAsync),
        ("streams", VsockRows.RunAsync),
        ("processor", ProcessorRows.RunAsync),
        ("memory", MemoryRows.RunAsync),
        ("image", ImageRows.RunAsync),
    ];

    /// <summary>Whether these are the suite's arguments; everything else is BenchmarkDotNet's.</summary>
    public static bool TryParse(string[] arguments, out bool quick, out string file, out string? only)
    {
        quick = false;
        file = DefaultFile;
        only = null;
        for (int i = 0; i < arguments.Length; i++)
        {
            if (arguments[i] == "--quick")
                quick = true;
            else if (arguments[i] == "--json" && i + 1 < arguments.Length)
                file = arguments[++i];
            else if (arguments[i] == "--only" && i + 1 < arguments.Length && Array.Exists(Parts, part => part.Name == arguments[i + 1]))
                only = arguments[++i];
            else
                return false;
        }

        return true;
    }

    /// <summary>Measures and reports.</summary>
    /// <param name="quick">Less often, within 50 seconds on a quiet machine.</param>
    /// <param name="file">Where the JSON goes; the plot stands beside it.</param>
    /// <param name="only">The part to measure; null measures all.</param>
    public static async Task<int> RunAsync(bool quick, string file, string? only)
    {
        // Many enclaves at once are what is measured.
        Environment.SetEnvironmentVariable("ENCLAVE_MAX_CPUS", "1000");
        DirectoryInfo directory = Directory.CreateTempSubdirectory("enclave-benchmarks-");
        long start = Stopwatch.GetTimestamp();
        var rows = new List<Row>();
        var context = new SuiteContext(quick, directory.FullName);
        try
        {
            foreach ((string name, Func<SuiteContext, List<Row>, Task> run) in Parts.Where(part => only is null || part.Name == only))
            {
                long begin = Stopwatch.GetTimestamp();
                try
                {
                    await run(context, rows);
                }
                catch (Exception exception) when (exception is not OutOfMemoryException)
                {
                    context.Absent.Add($"{name}: {exception.Message}");
                }

                await Console.Error.WriteLineAsync(string.Create(CultureInfo.InvariantCulture, $"{name}: {Stopwatch.GetElapsedTime(begin).TotalSeconds:F1} s"));
            }
        }
        finally
        {
            directory.Delete(recursive: true);
        }

        if (!context.HasKvm)
            context.Absent.Add("KVM");
        if (Qemu.Version is null)
            context.Absent.Add("QEMU (apt-get install -y --no-install-recommends qemu-system-x86)");
        if (Tool.FirstLine("socat", "-V") is null)
            context.Absent.Add("socat");
        double seconds = Stopwatch.GetElapsedTime(start).TotalSeconds;
        Print(rows, context.Absent, seconds);
        Write(rows, context.Absent, quick, seconds, file);
        return context.Absent.Exists(absent => absent.Contains(':', StringComparison.Ordinal)) ? 1 : 0;
    }

    private static void Print(List<Row> rows, List<string> absent, double seconds)
    {
        // Not cut to a terminal's width where there is none.
        AnsiConsole.Profile.Width = Math.Max(AnsiConsole.Profile.Width, 180);
        var table = new Table().Border(TableBorder.Markdown).AddColumns("", "What", "Unit", "Here", "Peer", "Its value", "Times better");
        foreach (int column in new[] { 3, 5, 6 })
            table.Columns[column].RightAligned();
        string area = "";
        foreach (Row row in rows)
        {
            table.AddRow(new Spectre.Console.Text(row.Area == area ? "" : row.Area), new Spectre.Console.Text(row.What), new Spectre.Console.Text(row.Unit), new Spectre.Console.Text(Number(row.Value)), new Spectre.Console.Text(row.Peer ?? ""),
                new Spectre.Console.Text(row.Peer is null ? "" : row.PeerValue is { } value ? Number(value) : "absent"),
                new Spectre.Console.Text(row.Advantage is { } advantage ? Number(advantage) : "", row.Advantage < 1 ? new Style(Color.Red) : Style.Plain));
            area = row.Area;
        }

        AnsiConsole.Write(table);
        foreach (string what in absent)
            AnsiConsole.WriteLine($"absent: {what}");
        AnsiConsole.WriteLine(string.Create(CultureInfo.InvariantCulture, $"{Environment.ProcessorCount} processors, {RuntimeInformation.FrameworkDescription}, {seconds:F0} s in all"));
    }

    private static void Write(List<Row> rows, List<string> absent, bool quick, double seconds, string file)
    {
        Directory.CreateDirectory(Path.GetDirectoryName(Path.GetFullPath(file))!);
        var report = new
        {
            Date = DateTimeOffset.UtcNow,
            Processors = Environment.ProcessorCount,
            Runtime = RuntimeInformation.FrameworkDescription,
            System = RuntimeInformation.OSDescription,
            Qemu = Qemu.Version,
            Quick = quick,
            Seconds = Math.Round(seconds, 1),
            Absent = absent,
            Rows = rows,
        };
        File.WriteAllText(file, JsonSerializer.Serialize(report, JsonOptions));
        string plot = Path.ChangeExtension(file, ".svg");
        File.WriteAllText(plot, Plot.Draw(rows));
        AnsiConsole.WriteLine($"{file}, {plot}");
    }

    private static string Number(double value) => value.ToString(value >= 100 ? "N0" : value >= 10 ? "N1" : "N2", CultureInfo.InvariantCulture);
}
