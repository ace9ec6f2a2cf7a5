using System.Globalization;
using Iced.Intel;

namespace EnclaveTesting.Engine.Accelerators.Software.Chipset;

/// <summary>The first instructions that guests wanted and the software CPU does not know, for diagnostics. Thread-safe.</summary>
internal sealed class UnimplementedInstructions
{
    private const int MaxNotes = 64, MaxPlaces = 1024;

    private readonly Lock _lock = new();
    private readonly HashSet<ulong> _places = [];
    private readonly Dictionary<string, string> _notes = [];

    /// <summary>Keeps an instruction, once for each kind.</summary>
    /// <param name="rip">Where it stands.</param>
    /// <param name="bytes">Up to 15 bytes from there.</param>
    public void Note(ulong rip, ReadOnlySpan<byte> bytes)
    {
        lock (_lock)
        {
            if (_notes.Count >= MaxNotes || _places.Count >= MaxPlaces || !_places.Add(rip))
                return;
            var decoder = Decoder.Create(64, bytes.ToArray(), rip);
            Instruction instruction = decoder.Decode();
            string name = instruction.IsInvalid ? "an invalid instruction" : instruction.ToString();
            string hex = Convert.ToHexStringLower(bytes[..(instruction.IsInvalid ? bytes.Length : instruction.Length)]);
            // One of a kind is enough: a program that looks for AVX by trying it does so a thousand times.
            _notes.TryAdd(instruction.IsInvalid ? hex : instruction.Code.ToString(), string.Create(CultureInfo.InvariantCulture, $"unimplemented instruction at 0x{rip:x}: {name} ({hex})"));
        }
    }

    /// <summary>One line for each.</summary>
    public IReadOnlyList<string> Describe()
    {
        lock (_lock)
            return [.. _notes.Values];
    }
}
