namespace EnclaveTesting;

/// <summary>What stands below a failed assertion: exit, connections to the parent, the console's tail.</summary>
internal static class Evidence
{
    public static string Of(Enclave enclave) =>
        (enclave.Exited.IsCompletedSuccessfully ? Text.Exit(enclave.Exited.Result) + "\n" : "") + Of(enclave.Parent);

    public static string Of(ParentInstance parent)
    {
        string connections = parent.ToString();
        return (connections.Length == 0 ? "Parent: nobody connected." : "Parent:\n" + Text.Indent(connections)) + "\n" + Of(parent.Console);
    }

    public static string Of(EnclaveConsole console) => Text.ConsoleTail(console.Log.Tail());

    /// <summary>The end of a view, in the same shape as the console's tail.</summary>
    public static string Of(ConsoleView view)
    {
        const int Shown = 25;
        return view.Lines.Count == 0
            ? $"The {view.Name} is empty."
            : $"{char.ToUpperInvariant(view.Name[0])}{view.Name[1..]} (last lines):\n" + Text.Indent(string.Join('\n', view.Lines.TakeLast(Shown)));
    }
}
