using System.Globalization;
using System.Net;
using YamlDotNet.Core;
using YamlDotNet.RepresentationModel;

namespace EnclaveTesting;

/// <summary>The configuration file of AWS's vsock-proxy: <c>allowlist</c> (<c>whitelist</c> in its first versions), a list of <c>{address: kms.us-east-1.amazonaws.com, port: 443}</c>.</summary>
internal static class VsockProxyConfiguration
{
    /// <summary>Reads the servers that the file allows.</summary>
    /// <exception cref="FormatException">It is no such file.</exception>
    public static IReadOnlyList<(string Host, int Port)> Parse(string text)
    {
        var yaml = new YamlStream();
        try
        {
            yaml.Load(new StringReader(text));
        }
        catch (YamlException exception)
        {
            throw new FormatException($"line {exception.Start.Line}: {exception.Message}", exception);
        }

        if (yaml.Documents is not [{ RootNode: YamlMappingNode root }, ..] || (Member(root, "allowlist") ?? Member(root, "whitelist")) is not YamlSequenceNode list)
            throw new FormatException("there is no list named allowlist");
        return [.. list.Children.Select(ParseServer)];
    }

    private static (string Host, int Port) ParseServer(YamlNode node)
    {
        if (node is YamlMappingNode server && Member(server, "address") is YamlScalarNode { Value: { Length: > 0 } host }
            && Member(server, "port") is YamlScalarNode number
            && int.TryParse(number.Value, NumberStyles.None, CultureInfo.InvariantCulture, out int port) && port is >= 1 and <= IPEndPoint.MaxPort)
            return (host, port);
        throw new FormatException($"line {node.Start.Line}: an entry is {{address: HOST, port: NUMBER}}");
    }

    private static YamlNode? Member(YamlMappingNode mapping, string name) => mapping.Children.TryGetValue(new YamlScalarNode(name), out YamlNode? value) ? value : null;
}
