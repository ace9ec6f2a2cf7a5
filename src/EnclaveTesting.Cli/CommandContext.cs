namespace EnclaveTesting.Cli;

/// <summary>What a command may touch of the outside: results go to Output, status and errors to Error.</summary>
/// <param name="Output">Results, as text.</param>
/// <param name="Error">Status and errors.</param>
/// <param name="OpenOutput">The same place as Output, for results that are bytes; a command uses one of both.</param>
internal sealed record CommandContext(TextWriter Output, TextWriter Error, Func<Stream> OpenOutput);
