using EnclaveTesting.Engine.Machine;

namespace EnclaveTesting.Engine.Boot;

/// <summary>
/// The state in which the boot CPU executes its first instruction; everything not named here is as after reset.
/// The other CPUs wait for INIT and SIPI.
/// </summary>
/// <param name="Registers">General registers, RIP, RFLAGS.</param>
/// <param name="System">Segments, tables and control registers, complete.</param>
internal readonly record struct BootEntry(CpuRegisters Registers, CpuSystemRegisters System);
