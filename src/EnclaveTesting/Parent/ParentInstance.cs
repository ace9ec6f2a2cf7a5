using System.Diagnostics;
using System.Text;
using EnclaveTesting.Engine.Devices.Vsock;
using EnclaveTesting.Engine.Machine;

namespace EnclaveTesting;

/// <summary>The parent instance of one enclave, CID 3: answers the heartbeat, runs the scripts of its ports, and remembers what happened.</summary>
public sealed class ParentInstance
{
    /// <summary>How long a handler may go on after its token was cancelled.</summary>
    private static readonly TimeSpan HandlerGrace = TimeSpan.FromSeconds(2);

    private readonly IReadOnlyList<ParentPort> _ports;
    private readonly Heartbeat _heartbeat;
    private readonly ForwardAllowList _forwards;
    private readonly Enclave _enclave;
    private readonly Lock _lock = new();
    private readonly List<ParentConnection> _connections = [];
    private readonly List<Task> _tasks = [];
    private readonly List<VsockListener> _listeners = [];
    private readonly CancellationTokenSource _stop = new();
    private readonly TaskCompletionSource<TimeSpan> _heartbeatSeen = new(TaskCreationOptions.RunContinuationsAsynchronously);
    private TaskCompletionSource _changed = new(TaskCreationOptions.RunContinuationsAsynchronously);
    private MicroVm? _machine;
    private HostWaits? _waits;
    private long _started;
    private int _openPorts;
    private int _accepted;

    internal ParentInstance(ParentBuilder builder, Enclave enclave)
    {
        _ports = [.. builder.Ports];
        _heartbeat = builder.HeartbeatBehaviour;
        _forwards = builder.Forwards;
        _enclave = enclave;
    }

    /// <summary>The connections so far, oldest first; heartbeats included.</summary>
    public IReadOnlyList<ParentConnection> Connections
    {
        get
        {
            lock (_lock)
                return [.. _connections];
        }
    }

    /// <summary>Whether the enclave's heartbeat has come.</summary>
    public bool HasHeartbeat => _heartbeatSeen.Task.IsCompletedSuccessfully;

    /// <summary>When the heartbeat's byte came, since the enclave was started; null before.</summary>
    public TimeSpan? HeartbeatAt => HasHeartbeat ? _heartbeatSeen.Task.Result : null;

    /// <summary>Waits until the heartbeat has come.</summary>
    internal async Task WaitForHeartbeatAsync(CancellationToken cancellationToken)
    {
        using HostWait? waiting = _waits?.Begin();
        while (true)
        {
            Task changed;
            lock (_lock)
                changed = _changed.Task;
            bool isOver = IsOver(Heartbeat.Port);
            if (_heartbeatSeen.Task.IsCompleted)
                break;
            if (isOver)
                throw new VsockException(VsockError.MachineEnded, "The enclave has ended without a heartbeat.");
            Look(waiting, changed);
            await ChangeOrEndAsync(changed, cancellationToken).ConfigureAwait(false);
        }

        await _heartbeatSeen.Task.ConfigureAwait(false);
    }

    internal EnclaveConsole Console => _enclave.Console;

    /// <summary>The connections to one port so far.</summary>
    public IReadOnlyList<ParentConnection> ConnectionsTo(uint port) => [.. Connections.Where(connection => connection.Port == port)];

    /// <summary>Opens a port that no script has, for a test that wants to hold the connections itself. Close it by disposing it.</summary>
    /// <exception cref="InvalidOperationException">The port is taken, or the enclave was not started.</exception>
    public VsockListener Listen(uint port) =>
        (_machine ?? throw new InvalidOperationException("The enclave was not started.")).Vsock.Listen(port);

    /// <summary>Waits until a connection to a port has done all that the port's script expects.</summary>
    /// <exception cref="EnclaveTimeoutException">None did in time.</exception>
    /// <exception cref="EnclaveExitedException">The enclave ended before.</exception>
    /// <exception cref="ParentExpectationException">One did something else.</exception>
    public Task<ParentConnection> WaitForConnectionAsync(uint port, TimeSpan? timeout = null, CancellationToken cancellationToken = default) =>
        Deadline.RunAsync(_enclave, timeout ?? ConsoleLog.DefaultTimeout, () => $"a connection to the parent's port {port} ({Describe(port)})",
            token => WaitForConnectionAsync(port, token), cancellationToken);

    /// <summary>
    /// Checks that the enclave did everything the scripts expect, and nothing else on their ports; waits for what may still come, 30 seconds unless told
    /// otherwise.
    /// </summary>
    /// <exception cref="ParentExpectationException">It did not; the message lists all that is wrong.</exception>
    public async Task VerifyAllAsync(TimeSpan? patience = null)
    {
        using var deadline = new CancellationTokenSource(patience ?? ConsoleLog.DefaultTimeout);
        string problems;
        while ((problems = FindProblems(out bool mayStillCome)).Length > 0 && mayStillCome)
        {
            Task changed;
            lock (_lock)
                changed = _changed.Task;
            // What changed between looking and taking the task is seen by looking again.
            if (FindProblems(out _) != problems)
                continue;
            try
            {
                await ChangeOrEndAsync(changed, deadline.Token).ConfigureAwait(false);
            }
            catch (OperationCanceledException)
            {
                break;
            }
        }

        if (problems.Length > 0)
            throw new ParentExpectationException("The enclave did not do what the parent expects:\n" + problems);
    }

    /// <summary>All connections, a line each.</summary>
    public override string ToString() => string.Join('\n', Connections);

    internal string Describe(uint port)
    {
        IReadOnlyList<ParentConnection> connections = ConnectionsTo(port);
        return connections.Count == 0 ? "nobody connected" : string.Join("; ", connections);
    }

    internal void Start(MicroVm machine)
    {
        Begin(machine);
        if (!_heartbeat.IsRefused)
            Serve(machine.Vsock.Listen(Heartbeat.Port, new VsockListenOptions { IsScripts = true }));
        foreach (ParentPort port in _ports)
            Serve(machine.Vsock.Listen(port.Number, new VsockListenOptions { DeferAccept = port.Refuses || port.NeverAnswers, ReceiveWindow = port.ReceiveWindow, IsScripts = true }));
    }

    /// <summary>Times are counted from here; the first call counts.</summary>
    internal void Begin(MicroVm machine)
    {
        _machine = machine;
        _waits = new HostWaits(machine.Host);
        Interlocked.CompareExchange(ref _started, Stopwatch.GetTimestamp(), 0);
    }

    /// <summary>Takes a connection that no port has accepted; false if the parent does not have the port.</summary>
    /// <param name="rehearsal">The connection; its stream is disposed by its script.</param>
    /// <param name="handled">Completes when the script is over.</param>
    internal bool TryReceive(VsockRehearsal rehearsal, out Task handled)
    {
        bool known = FindHandler(rehearsal.Stream.HostPort) is not null;
        handled = known ? Receive(rehearsal.Stream, rehearsal) : Task.CompletedTask;
        return known;
    }

    /// <summary>Whether the scripts have seen what the enclave has done; while the machine stands still.</summary>
    internal bool IsCaughtUp
    {
        get
        {
            lock (_lock)
                return _accepted == _listeners.Sum(listener => listener.Count) && _connections.TrueForAll(connection => connection.Ended.IsCompleted || !connection.HasEnded);
        }
    }

    /// <summary>What a clone's parent is to remember: connections that are under way are lost for it.</summary>
    internal ParentMemory Remember() => new([.. Connections.Select(connection => connection.Ended.IsCompleted ? connection : connection.ToLost())], HeartbeatAt);

    /// <summary>Remembers what the parent of another enclave, of which this one is a clone, did.</summary>
    internal void Recall(ParentMemory memory)
    {
        lock (_lock)
            _connections.AddRange(memory.Connections);
        if (memory.HeartbeatAt is { } time)
            _heartbeatSeen.TrySetResult(time);
        Changed();
    }

    internal async Task<ParentConnection> WaitForConnectionAsync(uint port, CancellationToken cancellationToken)
    {
        using HostWait? waiting = _waits?.Begin();
        while (true)
        {
            Task changed;
            lock (_lock)
                changed = _changed.Task;
            bool isOver = IsOver(port);
            foreach (ParentConnection connection in ConnectionsTo(port))
            {
                if (connection.Failure is not null)
                    throw new ParentExpectationException($"On the parent's {connection}", connection.Failure);
                if (connection.Satisfied.IsCompletedSuccessfully)
                    return connection;
            }

            if (isOver)
                throw new VsockException(VsockError.MachineEnded, $"The enclave has ended; on the parent's port {port}, {Describe(port)}.");
            Look(waiting, changed);
            await ChangeOrEndAsync(changed, cancellationToken).ConfigureAwait(false);
        }
    }

    internal async Task StopAsync()
    {
        await _stop.CancelAsync().ConfigureAwait(false);
        Task[] tasks;
        lock (_lock)
        {
            foreach (VsockListener listener in _listeners)
                listener.Dispose();
            tasks = [.. _tasks];
        }

        try
        {
            await Task.WhenAll(tasks).WaitAsync(HandlerGrace).ConfigureAwait(false);
            // Nothing is accepted any more; what was while the ports were being closed is here.
            lock (_lock)
                tasks = [.. _tasks];
            await Task.WhenAll(tasks).WaitAsync(HandlerGrace).ConfigureAwait(false);
        }
        catch (TimeoutException)
        {
            AbandonHandlers();
        }

        _heartbeatSeen.TrySetCanceled();
        Changed();
    }

    // A handler that does not listen to its token must not keep the test from ending.
    private void AbandonHandlers()
    {
        foreach (ParentConnection connection in Connections)
        {
            if (connection.State != ParentConnectionState.Open)
                continue;
            connection.End(ParentConnectionState.Failed, new ParentExpectationException(
                $"The handler was left running: it had not ended {HandlerGrace.TotalSeconds} seconds after its token was cancelled."));
            connection.Close();
        }
    }

    private void Serve(VsockListener listener)
    {
        lock (_lock)
        {
            _listeners.Add(listener);
            _openPorts++;
            _tasks.Add(Task.Run(() => AcceptAsync(listener)));
        }
    }

    private Func<ParentPeer, ParentConnection, Task>? FindHandler(uint number)
    {
        if (number == Heartbeat.Port)
            return _heartbeat.IsRefused ? null : AnswerHeartbeatAsync;
        return _ports.FirstOrDefault(port => port.Number == number) is { } script ? (peer, connection) => RunScriptAsync(script, peer, connection) : null;
    }

    private async Task AcceptAsync(VsockListener listener)
    {
        while (true)
        {
            VsockStream stream;
            try
            {
                stream = await listener.AcceptAsync(_stop.Token).ConfigureAwait(false);
            }
            catch (Exception exception) when (exception is OperationCanceledException or VsockException or ObjectDisposedException)
            {
                // The enclave is gone, or the test is over.
                lock (_lock)
                    _openPorts--;
                Changed();
                return;
            }

            _ = Receive(stream);
        }
    }

    private Task Receive(VsockStream stream, VsockRehearsal? rehearsal = null)
    {
        Func<ParentPeer, ParentConnection, Task> handle = FindHandler(stream.HostPort)!;
        var peer = new ParentPeer(stream, _forwards, _machine!, rehearsal);
        Task handled;
        lock (_lock)
        {
            var connection = new ParentConnection(peer, _connections.Count(other => other.Port == stream.HostPort) + 1, Stopwatch.GetElapsedTime(_started));
            _connections.Add(connection);
            if (rehearsal is null)
                _accepted++;
            handled = Task.Run(() => RunAsync(stream, peer, connection, handle, rehearsal));
            _tasks.RemoveAll(task => task.IsCompletedSuccessfully);
            _tasks.Add(handled);
        }

        Changed();
        return handled;
    }

    private async Task RunAsync(VsockStream stream, ParentPeer peer, ParentConnection connection, Func<ParentPeer, ParentConnection, Task> handle, VsockRehearsal? rehearsal)
    {
        try
        {
            await handle(peer, connection).ConfigureAwait(false);
            if (connection.State == ParentConnectionState.Open)
                connection.End(ParentConnectionState.Completed);
        }
        catch (OperationCanceledException) when (_stop.IsCancellationRequested)
        {
            // The test is over; whether something was missing, the script's expectations tell.
            connection.End(connection.Satisfied.IsCompletedSuccessfully ? ParentConnectionState.Completed : ParentConnectionState.Failed,
                connection.Satisfied.IsCompletedSuccessfully ? null : new ParentExpectationException("The enclave ended before it had done what was expected."));
        }
        catch (VsockException exception) when ((exception.Error == VsockError.MachineEnded || rehearsal?.IsLost == true) && connection.Satisfied.IsCompletedSuccessfully)
        {
            connection.End(ParentConnectionState.Completed);
        }
        catch (Exception exception)
        {
            // A script's mismatch, or whatever a handler threw: the enclave sees a reset, the author the report.
            connection.End(ParentConnectionState.Failed, exception);
            peer.Abort();
        }
        finally
        {
            await stream.DisposeAsync().ConfigureAwait(false);
            connection.Close();
            Changed();
        }
    }

    private async Task AnswerHeartbeatAsync(ParentPeer peer, ParentConnection connection)
    {
        connection.Enter("heartbeat");
        byte[] beat = await peer.ReadExactlyAsync(1, _stop.Token).ConfigureAwait(false);
        // Before the answer: what the enclave prints after it belongs to the application.
        Console.EndBoot();
        if (beat[0] != Heartbeat.Beat)
            throw new ParentExpectationException($"Expected the heartbeat 0x{Heartbeat.Beat:x2}, received 0x{beat[0]:x2}.");
        _heartbeatSeen.TrySetResult(Stopwatch.GetElapsedTime(_started));
        connection.Satisfy();
        Changed();
        if (_heartbeat.Delay > TimeSpan.Zero)
            await peer.DelayAsync(_heartbeat.Delay, _stop.Token).ConfigureAwait(false);
        if (_heartbeat.Answer is byte answer)
            await peer.WriteAsync(new[] { answer }, _stop.Token).ConfigureAwait(false);
        if (!_heartbeat.Closes)
            await peer.HangAsync(_stop.Token).ConfigureAwait(false);
    }

    private async Task RunScriptAsync(ParentPort port, ParentPeer peer, ParentConnection connection)
    {
        if (port.Refuses)
        {
            peer.Abort();
            connection.End(ParentConnectionState.Refused);
            return;
        }

        if (port.NeverAnswers)
        {
            connection.End(ParentConnectionState.Refused);
            Changed();
            await peer.HangAsync(_stop.Token).ConfigureAwait(false);
        }

        int expectations = port.Steps.Count(step => step.IsExpectation);
        do
        {
            int left = expectations;
            foreach (ParentStep step in port.Steps)
            {
                bool isLast = left == 0;
                if (isLast && !step.IsConnection)
                    Satisfy(connection);
                connection.Enter(step.Description);
                await step.RunAsync(peer, () =>
                {
                    if (isLast)
                        Satisfy(connection);
                }, _stop.Token).ConfigureAwait(false);
                if (step.IsExpectation)
                    left--;
            }

            Satisfy(connection);
        }
        while (port.Repeats && await peer.HasMoreAsync(_stop.Token).ConfigureAwait(false));

        if (port.Steps.Count == 0)
            await peer.HangAsync(_stop.Token).ConfigureAwait(false);
    }

    private void Satisfy(ParentConnection connection)
    {
        if (connection.Satisfied.IsCompleted)
            return;
        connection.Satisfy();
        Changed();
    }

    private string FindProblems(out bool mayStillCome)
    {
        mayStillCome = false;
        bool isOver = IsOver();
        var problems = new StringBuilder();
        foreach (ParentPort port in _ports)
        {
            IReadOnlyList<ParentConnection> connections = ConnectionsTo(port.Number);
            foreach (ParentConnection connection in connections.Where(connection => connection.Failure is not null || !connection.Satisfied.IsCompletedSuccessfully))
            {
                mayStillCome |= connection.State == ParentConnectionState.Open;
                problems.Append("  ").Append(connection).Append('\n');
            }

            int expected = port.ExpectedConnections ?? (port.Expectation is null ? 0 : 1);
            if (connections.Count < expected)
            {
                mayStillCome = true;
                problems.Append($"  port {port.Number}: {connections.Count} of {expected} connections came{(port.Expectation is { } expectation ? "; awaited: " + expectation : "")}\n");
            }
            else if (port.ExpectedConnections is int exactly && connections.Count > exactly)
            {
                problems.Append($"  port {port.Number}: {connections.Count} connections came, {exactly} were expected\n");
            }
        }

        mayStillCome &= !isOver;
        return problems.ToString();
    }

    /// <summary>Whether the enclave has ended and so have all connections, or those to one port: nothing more will come.</summary>
    private bool IsOver(uint? port = null)
    {
        lock (_lock)
        {
            return _enclave.Exited.IsCompleted && _openPorts == 0
                && _connections.TrueForAll(connection => (port is uint one && connection.Port != one) || connection.Ended.IsCompleted);
        }
    }

    private async Task ChangeOrEndAsync(Task changed, CancellationToken cancellationToken)
    {
        if (_enclave.Exited.IsCompleted)
            await changed.WaitAsync(cancellationToken).ConfigureAwait(false);
        else
            await Task.WhenAny(changed, _enclave.Exited).WaitAsync(cancellationToken).ConfigureAwait(false);
    }

    // Looked, and nothing has changed since.
    private void Look(HostWait? waiting, Task changed)
    {
        lock (_lock)
        {
            if (_changed.Task == changed)
                waiting?.Look();
        }
    }

    private void Changed()
    {
        TaskCompletionSource changed;
        lock (_lock)
        {
            _waits?.Tell();
            changed = _changed;
            _changed = new TaskCompletionSource(TaskCreationOptions.RunContinuationsAsynchronously);
        }

        changed.TrySetResult();
    }
}
