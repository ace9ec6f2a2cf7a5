using EnclaveTesting.Engine.Machine.Recording;

namespace EnclaveTesting.Engine.Machine;

/// <summary>What a machine's devices know of the world outside.</summary>
/// <param name="Activity">What the host's programs do.</param>
/// <param name="Journal">Where what comes from them is written down or read again; null for neither.</param>
/// <param name="TimeOfDay">The time of day.</param>
/// <param name="AttestationTime">The time of day in attestation documents.</param>
/// <param name="Seed">Where what is random begins; null takes the operating system's entropy.</param>
internal sealed record MachineSurroundings(HostActivity Activity, MachineJournal? Journal, TimeProvider TimeOfDay, TimeProvider AttestationTime, ulong? Seed);
