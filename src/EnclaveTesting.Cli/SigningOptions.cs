using System.CommandLine;
using EnclaveTesting.Engine.Eif;

namespace EnclaveTesting.Cli;

/// <summary>The options of nitro-cli that give a signing key.</summary>
internal sealed class SigningOptions
{
    public SigningOptions(bool required)
    {
        Certificate = new Option<string>("--signing-certificate") { Description = "PEM file with the signing certificate (P-256, P-384 or P-521).", Required = required };
        PrivateKey = new Option<string>("--private-key") { Description = "PEM file with the certificate's private key.", Required = required };
    }

    public Option<string> Certificate { get; }

    public Option<string> PrivateKey { get; }

    public void AddTo(Command command)
    {
        command.Options.Add(Certificate);
        command.Options.Add(PrivateKey);
        command.Validators.Add(result =>
        {
            if (result.GetResult(Certificate) is null != result.GetResult(PrivateKey) is null)
                result.AddError("--signing-certificate and --private-key belong together.");
        });
    }

    /// <summary>Adds the signature, if one is asked for.</summary>
    public async Task<EifBuilder> ApplyAsync(EifBuilder builder, ParseResult arguments, CancellationToken cancellationToken)
    {
        if (arguments.GetValue(Certificate) is not { } certificate || arguments.GetValue(PrivateKey) is not { } key)
            return builder;
        string certificatePem = await File.ReadAllTextAsync(certificate, cancellationToken).ConfigureAwait(false);
        string keyPem = await File.ReadAllTextAsync(key, cancellationToken).ConfigureAwait(false);
        try
        {
            return builder.WithSigning(certificatePem, keyPem);
        }
        catch (ArgumentException exception)
        {
            throw new CommandException(ExitCode.Usage, $"{certificate}, {key}: {exception.Message}", exception);
        }
    }
}
