using System.Collections;
using System.Globalization;
using System.Text;
using EnclaveTesting.Engine.Eif;

namespace EnclaveTesting.Engine.Devices.Nsm;

/// <summary>The 32 platform configuration registers of an enclave at one moment.</summary>
public sealed class PcrSnapshot : IReadOnlyList<PcrValue>
{
    private readonly PcrValue[] _values;

    internal PcrSnapshot(PcrValue[] values, uint locked)
    {
        _values = values;
        LockedMask = locked;
    }

    /// <summary>The number of registers, always 32.</summary>
    public int Count => _values.Length;

    internal uint LockedMask { get; }

    /// <summary>One register's value.</summary>
    /// <exception cref="IndexOutOfRangeException"><paramref name="index"/> is not 0 to 31.</exception>
    public PcrValue this[int index] => _values[index];

    /// <summary>True if the register can no longer change; only such registers are attested.</summary>
    /// <exception cref="ArgumentOutOfRangeException"><paramref name="index"/> is not 0 to 31.</exception>
    public bool IsLocked(int index)
    {
        ArgumentOutOfRangeException.ThrowIfGreaterThan((uint)index, (uint)PcrBank.Count - 1, nameof(index));
        return (LockedMask >> index & 1) != 0;
    }

    /// <inheritdoc/>
    public IEnumerator<PcrValue> GetEnumerator() => ((IEnumerable<PcrValue>)_values).GetEnumerator();

    IEnumerator IEnumerable.GetEnumerator() => GetEnumerator();

    /// <summary>One line for each register that is not zero: its number, its value and whether it is still open.</summary>
    public override string ToString()
    {
        var text = new StringBuilder();
        for (int i = 0; i < Count; i++)
        {
            if (!_values[i].IsZero)
                text.Append(CultureInfo.InvariantCulture, $"PCR{i}: {_values[i]}{(IsLocked(i) ? "" : " (not locked)")}\n");
        }

        return text.Length == 0 ? "all PCRs are zero\n" : text.ToString();
    }

    internal PcrSnapshot With(int index, PcrValue value)
    {
        var values = (PcrValue[])_values.Clone();
        values[index] = value;
        return new PcrSnapshot(values, LockedMask);
    }

    internal PcrSnapshot WithLocked(uint mask) => new(_values, LockedMask | mask);
}
