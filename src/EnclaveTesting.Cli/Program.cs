using EnclaveTesting.Cli;

using var error = new StandardError(Console.Error);
return await EnclaveCommandLine.RunAsync(args, Console.Out, error, StandardOutput.Open).ConfigureAwait(false);
