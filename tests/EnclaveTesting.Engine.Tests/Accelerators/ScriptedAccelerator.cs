using EnclaveTesting.Engine.Accelerators;
using EnclaveTesting.Engine.Boot;
using EnclaveTesting.Engine.Devices;
using EnclaveTesting.Engine.Machine;
using EnclaveTesting.Engine.State;

namespace EnclaveTesting.Engine.Tests.Accelerators;

/// <summary>An accelerator whose guest is a script of what the bus sees when it starts.</summary>
internal sealed class ScriptedAccelerator(Action<IMachineBus> script) : IAccelerator
{
    public Accelerator Kind => Accelerator.Kvm;

    public bool IsInterpreter => false;

    public bool IsDisposed { get; private set; }

    public IVirtualMachine CreateMachine(VirtualMachineConfiguration configuration, IMachineBus bus) => new Machine(this, bus);

    private sealed class Machine(ScriptedAccelerator accelerator, IMachineBus bus) : IVirtualMachine
    {
        public IReadOnlyList<string> Diagnostics => [];

        public IInterruptLine GetInterruptLine(Gsi gsi) => throw new NotSupportedException();

        public void AddDoorbell(Doorbell doorbell) => throw new NotSupportedException();

        public void Start(in BootEntry entry) => accelerator.Script(bus);

        public void Wake()
        {
        }

        public void RequestStop()
        {
        }

        public void Pause(Action action) => action();

        public void Exchange(StateArchive archive)
        {
        }

        public void Resume(bool fresh)
        {
        }

        public void Join()
        {
        }

        public bool TryReadRegisters(int cpu, out CpuRegisters registers, out CpuSystemRegisters system) => throw new NotSupportedException();

        public void Dispose() => accelerator.IsDisposed = true;
    }

    private void Script(IMachineBus bus) => script(bus);
}
