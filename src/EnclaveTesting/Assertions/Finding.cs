namespace EnclaveTesting;

/// <summary>
/// What an assertion found. The plain assertions and those of FluentAssertions throw the same message, which is made here.
/// </summary>
/// <typeparam name="T">What the assertion is about.</typeparam>
/// <param name="Value">What was found; meaningless if it does not hold.</param>
/// <param name="Expected">What should be: the words after "Expected".</param>
/// <param name="Seen">What is instead: the words after "but"; null if the assertion holds.</param>
/// <param name="Evidence">What else helps to understand it: lines below the sentence.</param>
internal sealed record Finding<T>(T Value, string Expected, string? Seen, string Evidence)
{
    /// <summary>Whether it is as it should be.</summary>
    public bool Holds => Seen is null;

    /// <summary>The sentence and the evidence.</summary>
    /// <param name="because">Why it should be, with a blank in front; empty if nobody said.</param>
    public string Message(string because = "") => $"Expected {Expected}{because}, but {Seen}.\n{Evidence}".TrimEnd('\n');

    /// <summary>The value.</summary>
    /// <exception cref="EnclaveAssertionException">It is not as it should be.</exception>
    public T OrThrow() => Holds ? Value : throw new EnclaveAssertionException(Message());
}
