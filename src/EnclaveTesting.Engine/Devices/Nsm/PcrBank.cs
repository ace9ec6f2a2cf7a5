using System.Text;
using EnclaveTesting.Engine.Eif;
using EnclaveTesting.Engine.State;

namespace EnclaveTesting.Engine.Devices.Nsm;

/// <summary>
/// The platform configuration registers. The machine changes them under its lock; any thread may read the current snapshot,
/// which is replaced as a whole.
/// </summary>
internal sealed class PcrBank
{
    public const int Count = 32;

    /// <summary>Registers 0 to 15 belong to the platform and never change.</summary>
    private const uint PlatformRegisters = 0xffff;

    private volatile PcrSnapshot _current;

    public PcrBank(EifMeasurements measurements, NsmOptions options)
    {
        var values = new PcrValue[Count];
        if (!options.DebugMode)
        {
            values[0] = measurements.Pcr0;
            values[1] = measurements.Pcr1;
            values[2] = measurements.Pcr2;
            values[8] = measurements.Pcr8 ?? default;
        }

        // AWS hashes these two texts directly, without the inner digest of the image's registers.
        if (options.RoleArn is { } role)
            values[3] = default(PcrValue).Extend(Encoding.UTF8.GetBytes(role));
        values[4] = default(PcrValue).Extend(Encoding.UTF8.GetBytes(options.InstanceId));

        foreach (var (index, value) in options.PcrOverrides)
            values[index] = value;
        _current = new PcrSnapshot(values, PlatformRegisters);
    }

    public PcrSnapshot Current => _current;

    public bool IsLocked(int index) => _current.IsLocked(index);

    public void Extend(int index, ReadOnlySpan<byte> data)
    {
        var current = _current;
        _current = current.With(index, current[index].Extend(data));
    }

    public void Lock(int index) => _current = _current.WithLocked(1u << index);

    /// <summary>Locks registers 0 to <paramref name="range"/> − 1; those that are locked already stay so.</summary>
    public void LockRange(int range) => _current = _current.WithLocked((uint)((1ul << range) - 1));

    /// <summary>Saves the registers or takes saved ones.</summary>
    public void Exchange(StateArchive archive)
    {
        PcrBankState state = Save();
        archive.Fixed(state.Values.AsSpan());
        state = state with { Locked = archive.Value(state.Locked) };
        if (archive.IsReading)
            Restore(state);
    }

    public PcrBankState Save()
    {
        var current = _current;
        byte[] values = new byte[Count * PcrValue.Size];
        for (int i = 0; i < Count; i++)
            current[i].CopyTo(values.AsSpan(i * PcrValue.Size));
        return new PcrBankState(values, current.LockedMask);
    }

    public void Restore(PcrBankState state)
    {
        if (state.Values.Length != Count * PcrValue.Size)
            throw new ArgumentException($"A PCR bank has {Count * PcrValue.Size} bytes, not {state.Values.Length}.", nameof(state));
        var values = new PcrValue[Count];
        for (int i = 0; i < Count; i++)
            values[i] = new PcrValue(state.Values.AsSpan(i * PcrValue.Size, PcrValue.Size));
        _current = new PcrSnapshot(values, state.Locked);
    }
}
