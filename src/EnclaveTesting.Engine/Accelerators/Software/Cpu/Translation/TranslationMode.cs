namespace EnclaveTesting.Engine.Accelerators.Software.Cpu.Translation;

/// <summary>Whether guest code is translated. A guest cannot tell.</summary>
internal enum TranslationMode
{
    /// <summary>What is executed often, on another thread.</summary>
    Background,

    /// <summary>Nothing: for comparison.</summary>
    Off,

    /// <summary>What is executed some hundred times, before it is executed again: for tests.</summary>
    Eager,

    /// <summary>Everything before it is executed the first time, and again when more of its surroundings are known: for tests.</summary>
    Immediate,
}
