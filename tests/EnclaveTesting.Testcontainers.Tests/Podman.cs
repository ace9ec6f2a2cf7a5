using System.Diagnostics;
using System.Formats.Tar;
using System.Net.Sockets;
using DotNet.Testcontainers.Configurations;

namespace EnclaveTesting.Testcontainers.Tests;

/// <summary>
/// A container engine of the test run's own: podman's Docker-compatible service on a socket in a temporary directory, with its storage there
/// too, so that neither the images nor the containers of whoever runs the tests are touched. No registry is needed: images are imported.
/// </summary>
public sealed class Podman : IAsyncLifetime
{
    /// <summary>An image with busybox and a shell that says what it hears.</summary>
    public const string BusyBox = "localhost/enclave-tests/busybox:1";

    private const string BusyBoxFile = "/bin/busybox";
    private static readonly TimeSpan Patience = TimeSpan.FromSeconds(60);

    // What the client takes as the path of a socket.
    private const int LongestSocketPath = 90;

    private readonly DirectoryInfo _directory = CreateDirectory();
    private Process? _service;

    /// <summary>Why the tests cannot have an engine here; null if they can.</summary>
    public static string? WhyNot { get; } = FindProgram("podman") is null ? "Needs podman, which is not installed."
        : !File.Exists(BusyBoxFile) ? $"Needs {BusyBoxFile}, linked statically (Debian's package busybox-static), to make a container image of." : null;

    /// <summary>The engine's socket.</summary>
    public Uri Endpoint => new("unix://" + Socket);

    private string Socket => SocketIn(_directory);

    /// <inheritdoc/>
    public async Task InitializeAsync()
    {
        if (WhyNot is not null)
            return;
        // The reaper is a container of an image that would have to be pulled; this class cleans up itself.
        TestcontainersSettings.ResourceReaperEnabled = false;
        await File.WriteAllTextAsync(Path.Combine(_directory.FullName, "containers.conf"), $"""
            [containers]
            default_ulimits = ["nofile=1024:1024", "nproc=4096:4096"]
            [engine]
            {(FindProgram("runc") is null ? "" : "runtime = \"runc\"")}
            cgroup_manager = "cgroupfs"
            events_logger = "file"
            lock_type = "file"
            tmp_dir = "{_directory.FullName}/tmp"
            [network]
            network_backend = "netavark"
            network_config_dir = "{_directory.FullName}/networks"
            """);
        await File.WriteAllTextAsync(Path.Combine(_directory.FullName, "storage.conf"), $"""
            [storage]
            driver = "vfs"
            graphroot = "{_directory.FullName}/storage"
            runroot = "{_directory.FullName}/run"
            """);
        // Should this process be killed, the service ends by itself once nobody has asked it anything for five minutes.
        _service = Start(["system", "service", "--time=300", "unix://" + Socket]);
        // Both pipes are read to their ends, so that the service never waits for a reader.
        _ = _service.StandardOutput.ReadToEndAsync();
        await WaitForServiceAsync(_service, _service.StandardError.ReadToEndAsync());
        await ImportAsync(BusyBox, [], new Dictionary<string, byte[]>
        {
            ["bin/busybox"] = await File.ReadAllBytesAsync(BusyBoxFile),
            ["bin/sh"] = await File.ReadAllBytesAsync(BusyBoxFile),
        });
    }

    /// <inheritdoc/>
    public async Task DisposeAsync()
    {
        if (_service is { } service)
        {
            await RunAsync(["rm", "--force", "--all", "--time", "0"]);
            service.Kill();
            await service.WaitForExitAsync();
            service.Dispose();
        }

        _directory.Delete(recursive: true);
    }

    /// <summary>Makes an image of executable files.</summary>
    /// <param name="name">The image's name.</param>
    /// <param name="changes">Lines as in a Dockerfile: ENTRYPOINT, CMD, ENV.</param>
    /// <param name="files">Their paths, without a slash at the start, and contents.</param>
    public async Task ImportAsync(string name, IEnumerable<string> changes, IReadOnlyDictionary<string, byte[]> files)
    {
        string path = Path.Combine(_directory.FullName, $"{Guid.NewGuid():N}.tar");
        await using (FileStream stream = File.Create(path))
        await using (var tar = new TarWriter(stream))
        {
            foreach (var (file, bytes) in files)
            {
                await tar.WriteEntryAsync(new PaxTarEntry(TarEntryType.RegularFile, file)
                {
                    Mode = UnixFileMode.UserRead | UnixFileMode.UserWrite | UnixFileMode.UserExecute | UnixFileMode.GroupRead | UnixFileMode.GroupExecute | UnixFileMode.OtherRead | UnixFileMode.OtherExecute,
                    DataStream = new MemoryStream(bytes),
                });
            }
        }

        await RunAsync(["import", .. changes.SelectMany(change => (string[])["--change", change]), path, name]);
    }

    private static string SocketIn(DirectoryInfo directory) => Path.Combine(directory.FullName, "podman.sock");

    private static DirectoryInfo CreateDirectory()
    {
        DirectoryInfo directory = Directory.CreateTempSubdirectory("enclave-podman-");
        if (SocketIn(directory).Length <= LongestSocketPath)
            return directory;
        directory.Delete();
        return Directory.CreateDirectory($"/tmp/enclave-podman-{Guid.NewGuid():N}");
    }

    private static string? FindProgram(string name) => (Environment.GetEnvironmentVariable("PATH") ?? "").Split(':')
        .Concat(["/usr/sbin", "/sbin"]).Select(directory => Path.Combine(directory, name)).FirstOrDefault(File.Exists);

    private async Task RunAsync(string[] arguments)
    {
        using Process process = Start(arguments);
        Task<string> output = process.StandardOutput.ReadToEndAsync(), errors = process.StandardError.ReadToEndAsync();
        await process.WaitForExitAsync().WaitAsync(Patience);
        if (process.ExitCode != 0)
            throw new InvalidOperationException($"podman {string.Join(' ', arguments)} ended with {process.ExitCode}: {await errors}{await output}");
    }

    private Process Start(string[] arguments)
    {
        var start = new ProcessStartInfo(FindProgram("podman")!, arguments) { RedirectStandardOutput = true, RedirectStandardError = true };
        start.Environment["CONTAINERS_CONF"] = Path.Combine(_directory.FullName, "containers.conf");
        start.Environment["CONTAINERS_STORAGE_CONF"] = Path.Combine(_directory.FullName, "storage.conf");
        return Process.Start(start)!;
    }

    /// <summary>There is no sign that the service is up but its socket, so it is tried until it answers or the service has ended.</summary>
    private async Task WaitForServiceAsync(Process service, Task<string> errors)
    {
        using var deadline = new CancellationTokenSource(Patience);
        while (true)
        {
            try
            {
                using var socket = new Socket(AddressFamily.Unix, SocketType.Stream, ProtocolType.Unspecified);
                await socket.ConnectAsync(new UnixDomainSocketEndPoint(Socket), deadline.Token);
                return;
            }
            catch (SocketException) when (!service.HasExited)
            {
                await Task.Delay(20, deadline.Token);
            }
            catch (SocketException)
            {
                throw new InvalidOperationException($"podman's service ended at once: {await errors}");
            }
        }
    }
}
