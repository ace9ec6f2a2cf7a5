namespace EnclaveTesting.Engine.Tests.Software;

/// <summary>An exception as its handler saw it: vector, error code (or 0) and the frame on the stack.</summary>
internal readonly record struct ReportedFault(ulong Vector, ulong Error, ulong Rip, ulong Cs, ulong Flags, ulong Rsp, ulong Ss);
