using System.Globalization;
using Iced.Intel;

namespace EnclaveTesting.Engine.Accelerators.Kvm;

/// <summary>What the software CPU has executed for a machine on KVM. Thread-safe.</summary>
internal sealed class KvmAssistCount
{
    private const int MostKinds = 256, NamedKinds = 12;

    private readonly Lock _lock = new();
    private readonly Dictionary<Code, long> _kinds = [];
    private string? _first;
    private long _total, _systemCalls;

    /// <summary>Instructions so far.</summary>
    public long Total
    {
        get
        {
            lock (_lock)
                return _total;
        }
    }

    /// <summary>Counts an instruction.</summary>
    public void Note(in Instruction instruction, ReadOnlySpan<byte> bytes)
    {
        lock (_lock)
        {
            _total++;
            _first ??= string.Create(CultureInfo.InvariantCulture, $"{instruction} at 0x{instruction.IP:x} ({Convert.ToHexStringLower(bytes)})");
            if (_kinds.TryGetValue(instruction.Code, out long count))
                _kinds[instruction.Code] = count + 1;
            else if (_kinds.Count < MostKinds)
                _kinds.Add(instruction.Code, 1);
        }
    }

    /// <summary>Counts a system call whose entry KVM did not carry out.</summary>
    public void NoteSystemCall()
    {
        lock (_lock)
            _systemCalls++;
    }

    /// <summary>One line for each sort of help.</summary>
    public IReadOnlyList<string> Describe()
    {
        lock (_lock)
        {
            var lines = new List<string>();
            if (_total > 0)
            {
                string kinds = string.Join(", ", _kinds.OrderByDescending(kind => kind.Value).Take(NamedKinds).Select(kind => $"{kind.Key} {kind.Value}"));
                lines.Add($"{_total} instructions executed by software assist, first: {_first}; most often: {kinds}");
            }

            if (_systemCalls > 0)
                lines.Add($"{_systemCalls} system calls entered by software assist");
            return lines;
        }
    }
}
