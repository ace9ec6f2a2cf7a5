namespace EnclaveTesting.Benchmarks;

/// <summary>Numbers of several runs.</summary>
internal sealed class Sample
{
    private readonly List<double> _values = [];

    public void Add(double value) => _values.Add(value);

    public double Median => At(0.5);

    public override string ToString() => _values.Count == 0 ? "-" : $"{At(0.5),8:F1}  ({At(0):F1} to {At(1):F1})";

    private double At(double quantile)
    {
        double[] sorted = [.. _values.Order()];
        double position = quantile * (sorted.Length - 1);
        int below = (int)position;
        return sorted[below] + ((sorted[Math.Min(below + 1, sorted.Length - 1)] - sorted[below]) * (position - below));
    }
}
