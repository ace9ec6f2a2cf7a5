using System.Diagnostics;

namespace EnclaveTesting;

/// <summary>Tells a person at the terminal, on standard error, what a start that takes long is doing.</summary>
internal sealed class BootProgress : IDisposable
{
    private static readonly TimeSpan First = TimeSpan.FromSeconds(10), Next = TimeSpan.FromSeconds(10);

    private readonly Enclave _enclave;
    private readonly long _started = Stopwatch.GetTimestamp();
    private readonly Timer _timer;
    private volatile string _doing = "reading the image";

    public BootProgress(Enclave enclave)
    {
        _enclave = enclave;
        _timer = new Timer(static state => ((BootProgress)state!).Tell(), this, First, Next);
    }

    public void Doing(string what) => _doing = what;

    public void Dispose() => _timer.Dispose();

    private void Tell()
    {
        string last = _enclave.Console.Log.Tail(1);
        Console.Error.WriteLine($"EnclaveTesting: {_enclave.Name}: {_doing} for {Text.Duration(TimeSpan.FromSeconds(Math.Round(Stopwatch.GetElapsedTime(_started).TotalSeconds)))}"
            + (last.Length == 0 ? "" : $"; last console line: {last}"));
    }
}
