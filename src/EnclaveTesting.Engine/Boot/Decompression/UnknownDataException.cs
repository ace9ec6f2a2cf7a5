namespace EnclaveTesting.Engine.Boot.Decompression;

/// <summary>Data may be sound, but is nothing that this loader unpacks; the guest is to unpack it itself.</summary>
internal sealed class UnknownDataException(string reason) : Exception(reason);
