namespace EnclaveTesting.Guest.Answer;

/// <summary>What is asked.</summary>
internal sealed record Request(string Text, double[] Numbers);
