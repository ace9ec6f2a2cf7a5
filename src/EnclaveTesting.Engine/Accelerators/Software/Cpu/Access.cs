namespace EnclaveTesting.Engine.Accelerators.Software.Cpu;

/// <summary>What an access does.</summary>
internal enum Access
{
    Read,
    Write,
    Execute,
}
