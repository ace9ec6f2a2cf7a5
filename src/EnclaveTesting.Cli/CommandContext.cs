namespace EnclaveTesting.Cli;

/// <summary>What a command may touch of the outside: results go to Output, status and errors to Error.</summary>
internal sealed record CommandContext(TextWriter Output, TextWriter Error);
