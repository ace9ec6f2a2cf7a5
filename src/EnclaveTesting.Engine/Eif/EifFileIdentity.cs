namespace EnclaveTesting.Engine.Eif;

/// <summary>By what a file that is opened again is known to be the one from before: as make and git do it, by name, length and times.</summary>
/// <param name="Path">Its full name.</param>
/// <param name="Length">Its length in bytes.</param>
/// <param name="Written">When it was last written, UTC.</param>
/// <param name="Created">When it was made, UTC; another file of the same name has another time.</param>
internal readonly record struct EifFileIdentity(string Path, long Length, DateTime Written, DateTime Created);
