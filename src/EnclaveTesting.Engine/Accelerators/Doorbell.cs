using EnclaveTesting.Engine.Memory;

namespace EnclaveTesting.Engine.Accelerators;

/// <summary>
/// A 32-bit MMIO store of one value that needs no answer (a virtqueue's notification). An accelerator may watch for
/// it in a cheaper way (KVM: ioeventfd) and must then run it as <see cref="IMachineBus.WriteMmio"/> on a thread of its own.
/// </summary>
/// <param name="Address">The register's address.</param>
/// <param name="Value">The value stored.</param>
internal readonly record struct Doorbell(GuestAddress Address, uint Value);
