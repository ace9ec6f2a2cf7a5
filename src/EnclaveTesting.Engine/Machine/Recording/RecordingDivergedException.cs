namespace EnclaveTesting.Engine.Machine.Recording;

/// <summary>On the machine's thread: the run that is played does something else than the one that was recorded.</summary>
internal sealed class RecordingDivergedException(string message) : Exception(message);
