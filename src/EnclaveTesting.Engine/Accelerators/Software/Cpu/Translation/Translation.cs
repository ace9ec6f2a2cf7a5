using System.Reflection.Emit;

namespace EnclaveTesting.Engine.Accelerators.Software.Cpu.Translation;

/// <summary>A region's code, good for every machine with the same bytes in the same places relative to each other. The collector frees it.</summary>
internal sealed unsafe class Translation
{
    /// <summary>Takes a finished method and has it compiled.</summary>
    public Translation(DynamicMethod method)
    {
        // A delegate with a target calls straight into the method; one without goes through a stub.
        Code = method.CreateDelegate<TranslatedCode>(this);
        _ = Code(null!, null, null);
    }

    /// <summary>The code.</summary>
    public TranslatedCode Code { get; }
}
