using System.Reflection;
using System.Text.RegularExpressions;
using System.Xml.Linq;
using PublicApiGenerator;

namespace EnclaveTesting.PublicApi.Tests;

/// <summary>
/// The public API of each package as one document, to be read when it changes. <c>accept.sh</c> beside this file takes what is there now.
/// </summary>
public partial class PublicApiTests
{
    private static readonly ApiGeneratorOptions Options = new()
    {
        IncludeAssemblyAttributes = false,
        DenyNamespacePrefixes = [],
        ExcludeAttributes = ["System.Runtime.CompilerServices.CompilerGeneratedAttribute", "System.Diagnostics.DebuggerDisplayAttribute"],
    };

    private static readonly string Root = FindRoot();

    private static readonly Lazy<HashSet<string>> WordsOfPages = new(() =>
    {
        IEnumerable<string> pages =
        [
            Path.Combine(Root, "README.md"),
            .. Directory.EnumerateFiles(Path.Combine(Root, "docs"), "*.md"),
            .. Directory.EnumerateFiles(Path.Combine(Root, "src"), "PACKAGE.md", SearchOption.AllDirectories),
            .. Directory.EnumerateFiles(Path.Combine(Root, "examples"), "*.cs", SearchOption.AllDirectories),
        ];
        return [.. pages.SelectMany(page => Word().Matches(File.ReadAllText(page))).Select(word => word.Value)];
    });

    public static TheoryData<string> Packages => ["EnclaveTesting", "EnclaveTesting.Engine", "EnclaveTesting.FluentAssertions", "EnclaveTesting.Grpc",
        "EnclaveTesting.NUnit", "EnclaveTesting.Testcontainers", "EnclaveTesting.Xunit", "EnclaveTesting.Xunit3"];

    [Theory]
    [MemberData(nameof(Packages))]
    public void Is_what_was_reviewed(string package) =>
        Snapshot.Match(Load(package).GeneratePublicApi(Options), SnapshotSettings.Default.WithoutScrubbers().InFolder("Reviewed").WithText(package));

    [Theory]
    [MemberData(nameof(Packages))]
    public void Is_needed_by_a_page_or_an_example(string package)
    {
        IEnumerable<string> members = from type in Load(package).GetExportedTypes()
                                      from member in type.GetMembers(BindingFlags.Public | BindingFlags.Instance | BindingFlags.Static | BindingFlags.DeclaredOnly)
                                      where IsForUsers(member)
                                      select $"{type.Name}.{member.Name}";

        string.Join(", ", members.Where(name => !WordsOfPages.Value.Contains(name[(name.LastIndexOf('.') + 1)..])).Distinct())
            .Should().BeEmpty("what no page and no example names should be internal");
    }

    [Fact]
    public void Covers_every_package()
    {
        IEnumerable<string> libraries = from project in Directory.EnumerateFiles(Path.Combine(Root, "src"), "*.csproj", SearchOption.AllDirectories)
                                        let properties = XDocument.Load(project).Descendants("PropertyGroup").Elements().ToLookup(it => it.Name.LocalName, it => it.Value)
                                        where properties["IsPackable"].Contains("true") && !properties["PackAsTool"].Contains("true")
                                        select Path.GetFileNameWithoutExtension(project);
        libraries.Should().BeEquivalentTo(((IEnumerable<object[]>)Packages).Select(row => (string)row[0]));
    }

    private static Assembly Load(string package)
    {
        string binaries = package == "EnclaveTesting.Xunit3" ? AppContext.BaseDirectory.Replace("EnclaveTesting.PublicApi.Tests", "EnclaveTesting.Xunit3.Samples", StringComparison.Ordinal) : AppContext.BaseDirectory;
        return Assembly.LoadFrom(Path.Combine(binaries, package + ".dll"));
    }

    private static string FindRoot()
    {
        var folder = new DirectoryInfo(AppContext.BaseDirectory);
        while (!File.Exists(Path.Combine(folder.FullName, "EnclaveTesting.sln")))
            folder = folder.Parent!;
        return folder.FullName;
    }

    // Not what the compiler, a base class, an interface of .NET or a test framework asks for, nor the registers of a processor.
    private static bool IsForUsers(MemberInfo member) => member switch
    {
        ConstructorInfo or Type => false,
        FieldInfo { IsSpecialName: true } => false,
        _ when member.DeclaringType!.Name == "CpuRegisters" => false,
        PropertyInfo property => !IsAskedFor(property.GetMethod ?? property.SetMethod!) && property.GetIndexParameters().Length == 0,
        MethodInfo method => !method.IsSpecialName && !IsAskedFor(method) && !method.Name.Contains('<', StringComparison.Ordinal) && method.Name is not "Deconstruct" and not "Equals"
            && !method.CustomAttributes.Any(attribute => attribute.AttributeType.Namespace == "NUnit.Framework"),
        _ => true,
    };

    private static bool IsAskedFor(MethodInfo method) => method.GetBaseDefinition().DeclaringType != method.DeclaringType
        || (!method.DeclaringType!.IsInterface && method.DeclaringType.GetInterfaces().Any(type => Array.Exists(method.DeclaringType.GetInterfaceMap(type).TargetMethods, it => it == method)));

    [GeneratedRegex(@"\w+")]
    private static partial Regex Word();
}
