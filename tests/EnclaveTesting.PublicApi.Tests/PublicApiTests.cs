using System.Reflection;
using System.Xml.Linq;
using PublicApiGenerator;

namespace EnclaveTesting.PublicApi.Tests;

/// <summary>
/// The public API of each package as one document, to be read when it changes. <c>accept.sh</c> beside this file takes what is there now.
/// </summary>
public class PublicApiTests
{
    private static readonly ApiGeneratorOptions Options = new()
    {
        IncludeAssemblyAttributes = false,
        DenyNamespacePrefixes = [],
        ExcludeAttributes = ["System.Runtime.CompilerServices.CompilerGeneratedAttribute", "System.Diagnostics.DebuggerDisplayAttribute"],
    };

    public static TheoryData<string> Packages => ["EnclaveTesting", "EnclaveTesting.Engine", "EnclaveTesting.FluentAssertions", "EnclaveTesting.Grpc",
        "EnclaveTesting.NUnit", "EnclaveTesting.Testcontainers", "EnclaveTesting.Xunit", "EnclaveTesting.Xunit3"];

    [Theory]
    [MemberData(nameof(Packages))]
    public void Is_what_was_reviewed(string package)
    {
        string binaries = package == "EnclaveTesting.Xunit3" ? AppContext.BaseDirectory.Replace("EnclaveTesting.PublicApi.Tests", "EnclaveTesting.Xunit3.Samples", StringComparison.Ordinal) : AppContext.BaseDirectory;
        var assembly = Assembly.LoadFrom(Path.Combine(binaries, package + ".dll"));

        Snapshot.Match(assembly.GeneratePublicApi(Options), SnapshotSettings.Default.WithoutScrubbers().InFolder("Reviewed").WithText(package));
    }

    [Fact]
    public void Covers_every_package()
    {
        for (var folder = new DirectoryInfo(AppContext.BaseDirectory); ; folder = folder.Parent!)
        {
            if (!File.Exists(Path.Combine(folder.FullName, "EnclaveTesting.sln")))
                continue;
            IEnumerable<string> libraries = from project in Directory.EnumerateFiles(Path.Combine(folder.FullName, "src"), "*.csproj", SearchOption.AllDirectories)
                                            let properties = XDocument.Load(project).Descendants("PropertyGroup").Elements().ToLookup(it => it.Name.LocalName, it => it.Value)
                                            where properties["IsPackable"].Contains("true") && !properties["PackAsTool"].Contains("true")
                                            select Path.GetFileNameWithoutExtension(project);
            libraries.Should().BeEquivalentTo(((IEnumerable<object[]>)Packages).Select(row => (string)row[0]));
            return;
        }
    }
}
