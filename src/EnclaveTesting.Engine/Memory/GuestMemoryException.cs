namespace EnclaveTesting.Engine.Memory;

/// <summary>Guest memory cannot be had in the wanted size, or an address lies outside it.</summary>
internal sealed class GuestMemoryException : Exception
{
    /// <summary>An exception with no further detail.</summary>
    public GuestMemoryException()
    {
    }

    /// <summary>An exception that says what was wanted and what is there.</summary>
    public GuestMemoryException(string message)
        : base(message)
    {
    }

    /// <summary>An exception with its cause.</summary>
    public GuestMemoryException(string message, Exception innerException)
        : base(message, innerException)
    {
    }
}
