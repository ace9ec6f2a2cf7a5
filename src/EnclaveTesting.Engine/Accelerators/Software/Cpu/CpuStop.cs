namespace EnclaveTesting.Engine.Accelerators.Software.Cpu;

/// <summary>Why <see cref="SoftwareCpu.Run"/> came back.</summary>
internal enum CpuStop
{
    /// <summary>The budget is used up.</summary>
    Budget,

    /// <summary>HLT, or the CPU waits for a SIPI; run again when an interrupt is pending.</summary>
    Halted,

    /// <summary>A fault while delivering a double fault: the CPU is shut down until it is reset.</summary>
    TripleFault,

    /// <summary><see cref="SoftwareCpu.RaiseAttention"/> was called.</summary>
    Attention,
}
