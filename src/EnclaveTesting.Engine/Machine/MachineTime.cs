namespace EnclaveTesting.Engine.Machine;

/// <summary>What time is in a machine.</summary>
public enum MachineTime
{
    /// <summary>The host's time.</summary>
    Host,

    /// <summary>
    /// What the machine has done: a nanosecond for each instruction, and where all CPUs wait, time jumps to the next timer. Two machines that get
    /// the same from outside see the same times. Only the software CPU can do it.
    /// </summary>
    Virtual,
}
