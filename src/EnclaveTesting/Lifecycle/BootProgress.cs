namespace EnclaveTesting;

/// <summary>Tells a person at the terminal, on standard error, what a start that takes long is doing.</summary>
internal sealed class BootProgress : IDisposable
{
    private static readonly TimeSpan First = TimeSpan.FromSeconds(10), Next = TimeSpan.FromSeconds(10);

    private readonly Enclave _enclave;
    private readonly TimeProvider _time;
    private readonly Action<string> _tell;
    private readonly long _started;
    private readonly ITimer _timer;
    private volatile string _doing = "reading the image";

    /// <param name="enclave">Who starts.</param>
    /// <param name="time">Says when it takes long.</param>
    /// <param name="tell">Takes the lines.</param>
    public BootProgress(Enclave enclave, TimeProvider time, Action<string> tell)
    {
        _enclave = enclave;
        _time = time;
        _tell = tell;
        _started = time.GetTimestamp();
        _timer = time.CreateTimer(static state => ((BootProgress)state!).Tell(), this, First, Next);
    }

    public void Doing(string what) => _doing = what;

    public void Dispose() => _timer.Dispose();

    private void Tell()
    {
        string last = _enclave.Console.Log.Tail(1);
        try
        {
            _tell($"EnclaveTesting: {_enclave.Name}: {_doing} for {Text.Duration(TimeSpan.FromSeconds(Math.Round(_time.GetElapsedTime(_started).TotalSeconds)))}"
                + (last.Length == 0 ? "" : $"; last console line: {last}"));
        }
        catch (Exception exception) when (exception is IOException or ObjectDisposedException or UnauthorizedAccessException)
        {
            // Standard error may be closed, or a file on a full disk; on a timer's thread that would end the process.
        }
    }
}
