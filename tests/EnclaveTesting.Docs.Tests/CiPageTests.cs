using System.Text.RegularExpressions;
using EnclaveTesting.Engine.Accelerators;

namespace EnclaveTesting.Docs.Tests;

/// <summary>The code of docs/ci.md, and what it says about environment variables.</summary>
public partial class CiPageTests
{
    #region requires
    [EnclaveFact(Requires = Accelerator.Kvm)]
    public async Task Only_where_there_is_kvm()
    {
        await using Enclave enclave = new EnclaveBuilder().WithImage("hello.eif").WithAccelerator(Accelerator.Kvm).Build();
        await enclave.StartAsync();

        enclave.Accelerator.Should().Be(Accelerator.Kvm);
    }
    #endregion

    [Fact]
    public void Names_every_environment_variable_there_is()
    {
        IEnumerable<string> read = Directory.EnumerateFiles(Repository.PathOf("src"), "*.cs", SearchOption.AllDirectories)
            .Where(file => !file.Contains($"{Path.DirectorySeparatorChar}obj{Path.DirectorySeparatorChar}", StringComparison.Ordinal))
            .SelectMany(file => Variable().Matches(File.ReadAllText(file)).Select(match => match.Value.Trim('"')))
            .Distinct().Order();
        IEnumerable<string> named = VariableOnPage().Matches(File.ReadAllText(Repository.PathOf("docs/ci.md"))).Select(match => match.Value).Distinct().Order();

        named.Should().Equal(read);
    }

    [GeneratedRegex("\"ENCLAVE_[A-Z_]+\"")]
    private static partial Regex Variable();

    [GeneratedRegex("ENCLAVE_[A-Z_]+")]
    private static partial Regex VariableOnPage();
}
