using System.Text.Json;
using System.Text.Json.Nodes;

namespace EnclaveTesting.Kms;

/// <summary>What goes back: a status and a JSON object.</summary>
internal sealed record KmsReply(int Status, byte[] Body)
{
    public static KmsReply Success(JsonObject result) => new(200, JsonSerializer.SerializeToUtf8Bytes(result));

    public static KmsReply Failure(KmsException error) =>
        new(400, JsonSerializer.SerializeToUtf8Bytes(new JsonObject { ["__type"] = error.Type, ["message"] = error.Message }));
}
