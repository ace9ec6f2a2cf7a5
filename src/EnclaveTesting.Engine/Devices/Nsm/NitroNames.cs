using System.Security.Cryptography.X509Certificates;

namespace EnclaveTesting.Engine.Devices.Nsm;

/// <summary>The subjects of AWS's Nitro attestation PKI, in their members and in the order of these.</summary>
internal static class NitroNames
{
    private const string StateName = "2.5.4.8";
    private const string Locality = "2.5.4.7";

    public static X500DistinguishedName Root { get; } = Build(["C=US", "O=Amazon", "OU=AWS", "CN=aws.nitro-enclaves"]);

    public static X500DistinguishedName Regional(string region, string id) =>
        Build(["C=US", "O=Amazon", "OU=AWS", $"CN={id}.{region}.aws.nitro-enclaves"]);

    public static X500DistinguishedName Zonal(string region, string id) =>
        Build([$"CN={id}.zonal.{region}.aws.nitro-enclaves", "OU=AWS", "O=Amazon", "C=US", "ST=WA", "L=Seattle"]);

    public static X500DistinguishedName Instance(string region, string instance) =>
        Build(["C=US", "ST=Washington", "L=Seattle", "O=Amazon", "OU=AWS", $"CN={instance}.{region}.aws.nitro-enclaves"]);

    public static X500DistinguishedName Enclave(string region, string module) =>
        Build(["C=US", "ST=Washington", "L=Seattle", "O=Amazon", "OU=AWS", $"CN={module}.{region}.aws"]);

    /// <summary>As long as AWS's addresses are, in a domain that never resolves (RFC 6761).</summary>
    public static string RevocationList(string level, Guid id) => $"http://{level}-nitro-enclaves-crl.invalid/crl/{id}.crl";

    private static X500DistinguishedName Build(ReadOnlySpan<string> members)
    {
        var builder = new X500DistinguishedNameBuilder();

        // The builder writes what was added last first.
        for (int i = members.Length - 1; i >= 0; i--)
        {
            int split = members[i].IndexOf('=');
            string value = members[i][(split + 1)..];
            switch (members[i][..split])
            {
                case "C":
                    builder.AddCountryOrRegion(value);
                    break;
                case "ST":
                    builder.Add(StateName, value);
                    break;
                case "L":
                    builder.Add(Locality, value);
                    break;
                case "O":
                    builder.AddOrganizationName(value);
                    break;
                case "OU":
                    builder.AddOrganizationalUnitName(value);
                    break;
                default:
                    builder.AddCommonName(value);
                    break;
            }
        }

        return builder.Build();
    }
}
