using EnclaveTesting.Engine.Devices;

namespace EnclaveTesting.Engine.Tests.Devices;

/// <summary>An interrupt line that remembers its level and how often it rose.</summary>
internal sealed class RecordedLine : IInterruptLine
{
    public bool Level { get; private set; }

    public int Edges { get; private set; }

    public void SetLevel(bool asserted)
    {
        if (asserted && !Level)
            Edges++;
        Level = asserted;
    }

    /// <summary>How often it rose since the last call.</summary>
    public int TakeEdges()
    {
        int edges = Edges;
        Edges = 0;
        return edges;
    }
}
