namespace EnclaveTesting.Engine.Machine;

/// <summary>Why a machine ended.</summary>
public enum VmExitReason
{
    /// <summary>The guest asked for a reset (keyboard controller 0xFE): how an enclave ends normally.</summary>
    Reboot,

    /// <summary>Every virtual CPU stopped in HLT with interrupts disabled; nothing can wake it.</summary>
    Halt,

    /// <summary>The guest's kernel reported a panic on the console.</summary>
    Panic,

    /// <summary>A virtual CPU failed to deliver a double fault and shut down.</summary>
    TripleFault,

    /// <summary>The accelerator could not go on: see the detail, the registers and the bytes at RIP.</summary>
    HypervisorError,

    /// <summary>The host stopped the machine.</summary>
    Stopped,

    /// <summary>A run that was played from a recording did something else than what was recorded; the detail says where it began.</summary>
    ReplayDiverged,
}
