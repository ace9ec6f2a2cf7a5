using EnclaveTesting.Engine.State;

namespace EnclaveTesting.Engine.Devices;

/// <summary>The generation id's device as it is saved; the id itself lies in the guest's memory.</summary>
internal sealed record VmGenerationIdState
{
    /// <summary>Whether the guest was told of it when it booted.</summary>
    public bool IsPresent { get; set; }

    /// <summary>Saves or restores.</summary>
    public void Exchange(StateArchive archive) => IsPresent = archive.Flag(IsPresent);
}
