namespace EnclaveTesting.Engine.Devices;

/// <summary>A global system interrupt: the number of an I/O APIC pin (0 to 23).</summary>
/// <param name="Number">The pin; 0 to 15 reach the 8259 pair as well.</param>
internal readonly record struct Gsi(uint Number)
{
    /// <summary>The first serial port's interrupt on every PC.</summary>
    public static readonly Gsi Serial = new(4);

    /// <summary>The keyboard controller's interrupt on every PC.</summary>
    public static readonly Gsi Keyboard = new(1);

    /// <summary>ACPI's system control interrupt on every PC; nothing raises it here.</summary>
    public static readonly Gsi SystemControl = new(9);

    /// <summary>The first that is no ISA interrupt.</summary>
    public static readonly Gsi GenerationId = new(16);
}
