namespace EnclaveTesting.Engine.Devices.Nsm;

/// <summary>What the security module answers instead of a result; the names are what stands in the response.</summary>
internal enum NsmError
{
    InvalidArgument,
    InvalidIndex,
    ReadOnlyIndex,
    InvalidOperation,
    BufferTooSmall,
    InputTooLarge,
    InternalError,
}
