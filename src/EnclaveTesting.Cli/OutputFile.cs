using EnclaveTesting.Engine.Eif;

namespace EnclaveTesting.Cli;

/// <summary>Writes a file whole or not at all: into a neighbour first, which then takes its name.</summary>
internal static class OutputFile
{
    public static async Task<EifMeasurements> WriteAsync(string path, EifBuilder builder, CancellationToken cancellationToken)
    {
        string full = Path.GetFullPath(path);
        string temporary = Path.Combine(Path.GetDirectoryName(full) ?? ".", $".{Path.GetFileName(full)}.{Guid.NewGuid():N}");
        try
        {
            EifMeasurements measurements;
            var stream = new FileStream(temporary, FileMode.CreateNew, FileAccess.Write, FileShare.None, bufferSize: 0, useAsync: true);
            await using (stream.ConfigureAwait(false))
            {
                measurements = await builder.WriteAsync(stream, cancellationToken).ConfigureAwait(false);
            }

            File.Move(temporary, full, overwrite: true);
            return measurements;
        }
        catch
        {
            File.Delete(temporary);
            throw;
        }
    }
}
