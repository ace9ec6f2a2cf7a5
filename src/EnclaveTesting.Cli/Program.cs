using EnclaveTesting.Cli;

return await EnclaveCommandLine.RunAsync(args, Console.Out, Console.Error, StandardOutput.Open).ConfigureAwait(false);
