using System.Diagnostics;
using System.Xml.Linq;

namespace EnclaveTesting.Tests.Xunit3;

/// <summary>Runs EnclaveTesting.Xunit3.Samples once for a test class, with xUnit 3's own runner, and keeps its report.</summary>
public sealed class Xunit3Run : IAsyncLifetime, IDisposable
{
    private readonly DirectoryInfo _folder = Directory.CreateTempSubdirectory("enclave-xunit3-");
    private XDocument _report = new();

    /// <summary>Where the run was told to put its artefacts.</summary>
    public string Artifacts => Path.Combine(_folder.FullName, "artifacts");

    public async Task InitializeAsync()
    {
        // .../tests/EnclaveTesting.Tests/bin/Debug/net10.0/: the samples were built beside.
        string binaries = AppContext.BaseDirectory.Replace("EnclaveTesting.Tests", "EnclaveTesting.Xunit3.Samples", StringComparison.Ordinal);
        string report = Path.Combine(_folder.FullName, "report.xml");
        using var process = Process.Start(new ProcessStartInfo("dotnet", [Path.Combine(binaries, "EnclaveTesting.Xunit3.Samples.dll"), "-result-xml", report])
        {
            WorkingDirectory = _folder.FullName,
            RedirectStandardOutput = true,
            RedirectStandardError = true,
            Environment = { [FailureArtifacts.FolderVariable] = Artifacts },
        })!;
        Task<string> errors = process.StandardError.ReadToEndAsync();
        string output = await process.StandardOutput.ReadToEndAsync();
        await process.WaitForExitAsync();
        File.Exists(report).Should().BeTrue($"the samples run: {output}{await errors}");
        _report = XDocument.Load(report);
    }

    /// <summary>What the report says about a test: its result, and the text of all below.</summary>
    public (string Result, XElement Test) Of(string test)
    {
        XElement element = _report.Descendants("test").Single(it => ((string)it.Attribute("name")!).EndsWith(test, StringComparison.Ordinal));
        return ((string)element.Attribute("result")!, element);
    }

    public Task DisposeAsync() => Task.CompletedTask;

    public void Dispose() => _folder.Delete(recursive: true);
}
