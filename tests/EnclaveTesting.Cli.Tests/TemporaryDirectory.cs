namespace EnclaveTesting.Cli.Tests;

internal sealed class TemporaryDirectory : IDisposable
{
    private readonly DirectoryInfo _directory = Directory.CreateTempSubdirectory("enclave-cli-");

    public string this[string name] => Path.Combine(_directory.FullName, name);

    public IEnumerable<string> Names => _directory.EnumerateFileSystemInfos().Select(info => info.Name).Order(StringComparer.Ordinal);

    public string Write(string name, byte[] content)
    {
        File.WriteAllBytes(this[name], content);
        return this[name];
    }

    public string Write(string name, string content)
    {
        File.WriteAllText(this[name], content);
        return this[name];
    }

    public void Dispose() => _directory.Delete(recursive: true);
}
