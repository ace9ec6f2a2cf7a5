namespace EnclaveTesting.Tests.Nsm;

/// <summary>What is unusual about a request on port 5004 of guest/baremetal/nsm.c.</summary>
[Flags]
internal enum NsmShape
{
    None = 0,
    RoomReadable = 1,
    RequestWritable = 2,
    OneChain = 4,
    RingBetween = 8,
    NoRoom = 16,
    RoomFirst = 32,
    ResetBetween = 64,
}
