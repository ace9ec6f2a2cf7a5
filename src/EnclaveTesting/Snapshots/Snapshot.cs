using System.Runtime.CompilerServices;
using System.Text;
using DiffEngine;

namespace EnclaveTesting;

/// <summary>
/// Compares texts with files that people have looked at, as Verify does and with its conventions: <c>Type.Method.verified.txt</c> beside
/// the test is the snapshot, <c>Type.Method.received.txt</c> is what came when it differs; the diff tool opens (DiffEngine; not on build
/// servers, nor with <c>DiffEngine_Disabled=true</c>); the failure shows the difference.
/// </summary>
public static class Snapshot
{
    /// <summary>Set to <c>true</c>, it accepts texts that have no snapshot yet; never one that differs, and never on a build server.</summary>
    internal const string AcceptNewVariable = "ENCLAVE_ACCEPT_NEW_SNAPSHOTS";

    // Verify writes its files so.
    private static readonly UTF8Encoding FileEncoding = new(encoderShouldEmitUTF8Identifier: true);

    /// <summary>Compares a view of the console with its snapshot.</summary>
    /// <param name="view">The view.</param>
    /// <param name="settings">Changes the fixture's settings for this snapshot; null takes them as they are.</param>
    /// <param name="sourceFile">Filled in by the compiler: the test's source file, which gives folder and type.</param>
    /// <param name="member">Filled in by the compiler: the test's method.</param>
    /// <exception cref="SnapshotMismatchException">They differ, or there is no snapshot yet.</exception>
    public static void MatchSnapshot(this ConsoleView view, Func<SnapshotSettings, SnapshotSettings>? settings = null,
        [CallerFilePath] string sourceFile = "", [CallerMemberName] string member = "")
    {
        ArgumentNullException.ThrowIfNull(view);
        Match(view.Text, settings is null ? view.Snapshots : settings(view.Snapshots), sourceFile, member);
    }

    /// <summary>Compares a text with its snapshot.</summary>
    /// <inheritdoc cref="MatchSnapshot(ConsoleView, Func{SnapshotSettings, SnapshotSettings}?, string, string)"/>
    public static void Match(string text, SnapshotSettings? settings = null, [CallerFilePath] string sourceFile = "", [CallerMemberName] string member = "")
    {
        ArgumentNullException.ThrowIfNull(text);
        settings ??= SnapshotSettings.Default;
        string folder = Path.Combine(SourceDirectory.Find(sourceFile, AppContext.BaseDirectory), settings.Folder ?? "");
        string name = FileName($"{Path.GetFileNameWithoutExtension(sourceFile)}.{member}{settings.Suffix}");
        Compare(Path.Combine(folder, name), Scrubber.Apply(settings.Scrubbers, text).TrimEnd('\n'));
    }

    private static void Compare(string path, string received)
    {
        string verifiedPath = path + ".verified.txt", receivedPath = path + ".received.txt";
        string? verified = File.Exists(verifiedPath) ? File.ReadAllText(verifiedPath, FileEncoding).ReplaceLineEndings("\n").TrimEnd('\n') : null;
        if (received == verified)
        {
            File.Delete(receivedPath);
            DiffRunner.Kill(receivedPath, verifiedPath);
            return;
        }

        bool acceptNew = verified is null && !BuildServerDetector.Detected
            && bool.TryParse(Environment.GetEnvironmentVariable(AcceptNewVariable), out bool accept) && accept;
        if (acceptNew)
        {
            Write(verifiedPath, received);
            return;
        }

        string? unwritten = null;
        try
        {
            Write(receivedPath, received);
        }
        catch (Exception exception) when (exception is IOException or UnauthorizedAccessException)
        {
            // The disk is full, or the sources are not the author's: that the text differs matters more.
            unwritten = exception.Message;
        }

        if (unwritten is null && !DiffRunner.Disabled)
            DiffRunner.LaunchForText(receivedPath, verifiedPath);
        throw new SnapshotMismatchException(Explain(verified, received, receivedPath, verifiedPath, unwritten), receivedPath, verifiedPath);
    }

    private static void Write(string path, string text)
    {
        Directory.CreateDirectory(Path.GetDirectoryName(path)!);
        File.WriteAllText(path, text, FileEncoding);
    }

    private static string Explain(string? verified, string received, string receivedPath, string verifiedPath, string? unwritten)
    {
        string files = $"""
            Received: {receivedPath}{(unwritten is null ? "" : $" could not be written: {unwritten}")}
            Verified: {verifiedPath}
            """;
        return verified is null
            ? $"""
               There is no snapshot yet. If this is what should be, rename the received file to the verified one (or run once with {AcceptNewVariable}=true).
               {files}
               Received text:
               {received}
               """
            : $"""
               The text differs from its snapshot. If this is what should be, replace the verified file by the received one.
               {files}
               - verified, + received:
               {TextDiff.Render(verified, received)}
               """;
    }

    // As Verify does it: what no file system may have becomes a dash.
    private static string FileName(string name)
    {
        var text = new StringBuilder(name.Length);
        foreach (char c in name)
            text.Append(c < ' ' || "\"<>|:*?\\/".Contains(c, StringComparison.Ordinal) ? '-' : c);
        return text.ToString();
    }
}
