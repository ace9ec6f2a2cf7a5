namespace EnclaveTesting.Tests.Nsm;

/// <summary>What asks the security module, and what executes it.</summary>
public enum NsmGuestKind
{
    BareMetalOnKvm,
    BareMetalOnSoftware,
    LinuxOnKvm,
    LinuxOnSoftware,
}
