using System.Text;
using System.Text.Json;
using EnclaveTesting.Engine.Machine;

namespace EnclaveTesting.Cli;

/// <summary>The line that <c>--json</c> prints last; times are in milliseconds since the command began, null for what did not happen.</summary>
internal sealed record RunReport(RunOptions Options, MicroVm Machine, RunOutcome Outcome, int ExitCode, VmExit Exit, TimeSpan Start, TimeSpan? FirstConsoleByte, TimeSpan? Heartbeat, TimeSpan End)
{
    /// <summary>The report as one line of JSON.</summary>
    public string ToJson()
    {
        using var stream = new MemoryStream();
        using (var json = new Utf8JsonWriter(stream))
        {
            json.WriteStartObject();
            json.WriteString("image", Options.Image);
            json.WriteString("accelerator", Machine.Accelerator.ToString().ToLowerInvariant());
            json.WriteString("acceleratorReason", Machine.AcceleratorReason);
            json.WriteNumber("memoryBytes", Machine.MemoryBytes);
            json.WriteNumber("cpus", Machine.Cpus);
            json.WriteString("until", Options.Until);
            json.WriteString("outcome", JsonNamingPolicy.CamelCase.ConvertName(Outcome.ToString()));
            json.WriteString("exitReason", JsonNamingPolicy.CamelCase.ConvertName(Exit.Reason.ToString()));
            json.WriteString("exitDetail", Exit.Detail);
            if (Exit.Instructions is { } instructions)
                json.WriteNumber("instructions", instructions);
            if (Exit.HostPace is { } pace)
                json.WriteString("hostPace", pace);
            json.WriteStartObject("timings");
            Write(json, "start", Start);
            Write(json, "firstConsoleByte", FirstConsoleByte);
            Write(json, "heartbeat", Heartbeat);
            Write(json, "exit", End);
            json.WriteEndObject();
            json.WriteNumber("exitCode", ExitCode);
            json.WriteEndObject();
        }

        return Encoding.UTF8.GetString(stream.ToArray());
    }

    private static void Write(Utf8JsonWriter json, string name, TimeSpan? time)
    {
        if (time is { } value)
            json.WriteNumber(name, Math.Round(value.TotalMilliseconds, 3));
        else
            json.WriteNull(name);
    }
}
