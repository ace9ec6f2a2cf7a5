namespace EnclaveTesting.Engine.Accelerators.Software.Chipset;

/// <summary>An interrupt on its way to local APICs.</summary>
/// <param name="Delivery">What it is.</param>
/// <param name="Vector">Its vector; the page of a start-up message.</param>
/// <param name="Destination">Which APICs.</param>
/// <param name="Logical">Whether the destination is a logical one.</param>
/// <param name="Level">Whether its source is level-triggered, so that the I/O APIC must hear of its end.</param>
/// <param name="Wide">Whether the destination has 32 bits (sent by an x2APIC), else 8.</param>
internal readonly record struct ApicMessage(ApicDelivery Delivery, byte Vector, uint Destination, bool Logical, bool Level, bool Wide);
