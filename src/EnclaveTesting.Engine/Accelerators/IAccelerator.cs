namespace EnclaveTesting.Engine.Accelerators;

/// <summary>A way to run guests. Stateless: each machine owns all its resources.</summary>
internal interface IAccelerator
{
    /// <summary>Which one this is; never <see cref="Accelerator.Auto"/>.</summary>
    Accelerator Kind { get; }

    /// <summary>Whether the guest's kernel is interpreted: then each instruction that it is spared counts.</summary>
    bool IsInterpreter { get; }

    /// <summary>A machine will be created soon: begins what can be prepared meanwhile, on another thread. The first call in a process counts.</summary>
    void WarmUp()
    {
    }

    /// <summary>
    /// Creates the CPUs and the interrupt controllers around memory that the caller keeps and disposes later.
    /// Nothing runs yet; on failure nothing is left behind.
    /// </summary>
    /// <exception cref="AcceleratorUnavailableException">The host cannot do it.</exception>
    IVirtualMachine CreateMachine(VirtualMachineConfiguration configuration, IMachineBus bus);
}
