namespace EnclaveTesting.Engine.Devices.Nsm;

/// <summary>The registers as saved: 32 values of 48 bytes one after the other, and a bit for each that is locked.</summary>
internal sealed record PcrBankState(byte[] Values, uint Locked);
