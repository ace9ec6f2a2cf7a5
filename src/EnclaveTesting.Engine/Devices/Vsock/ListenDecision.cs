namespace EnclaveTesting.Engine.Devices.Vsock;

/// <summary>What a connection that the guest opens finds at the host.</summary>
/// <param name="IsTaken">Whether somebody takes it.</param>
/// <param name="DeferAccept">Whether that one answers later.</param>
/// <param name="ReceiveWindow">How many bytes the guest may send unread.</param>
internal readonly record struct ListenDecision(bool IsTaken, bool DeferAccept, int ReceiveWindow);
