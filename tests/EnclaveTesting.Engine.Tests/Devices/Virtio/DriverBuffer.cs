using EnclaveTesting.Engine.Memory;

namespace EnclaveTesting.Engine.Tests.Devices.Virtio;

/// <summary>One buffer that a driver gives to a device.</summary>
internal readonly record struct DriverBuffer(GuestAddress Address, uint Length, bool Writable = false);
